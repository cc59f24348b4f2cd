#include "experiments/clusters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"

void points_free(Points *points)
{
    free(points->values);
    *points = (Points){0};
}

static double *doubles(int64_t count)
{
    return allocate_zeroed(sizeof(double) * (size_t)(count + 1));
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sums[4] = {0}, rest = 0; // four chains at once
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) sums[k] += a[i + k] * b[i + k];
    for (; i < n; i++) rest += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
}

// ---- principal components ----

enum { ROWS = 8, SPARE = 10, MOST_ITERATIONS = 300 };

// about the mean: values (x - mean), sum of their products with one another.
typedef struct Scatter {
    int64_t count, size;
    double *centred, *products; // [count][size], [size][size]
} Scatter;

static void rows_of_products(void *context, int64_t task, int thread)
{
    (void)thread;
    const Scatter *s = context;
    int64_t first = task * ROWS, last = first + ROWS < s->size ? first + ROWS : s->size;
    for (int64_t i = 0; i < s->count; i++) {
        const double *x = s->centred + i * s->size;
        for (int64_t a = first; a < last; a++) {
            double *row = s->products + a * s->size, factor = x[a];
            for (int64_t b = 0; b < s->size; b++) row[b] += factor * x[b];
        }
    }
}

static Scatter scatter_of(const Points *p)
{
    Scatter s = {p->count, p->size, doubles(p->count * p->size), doubles(p->size * p->size)};
    double *mean = doubles(p->size);
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t a = 0; a < p->size; a++)
            mean[a] += p->values[i * p->size + a] / (double)p->count;
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t a = 0; a < p->size; a++)
            s.centred[i * p->size + a] = p->values[i * p->size + a] - mean[a];
    free(mean);
    parallel_for((p->size + ROWS - 1) / ROWS, rows_of_products, &s);
    return s;
}

// Gram and Schmidt, twice for the sake of rounding; what depends on earlier rows becomes 0.
static void orthonormalise(double *rows, int64_t count, int64_t size)
{
    for (int64_t r = 0; r < count; r++) {
        double *row = rows + r * size, before = dot(row, row, size);
        for (int64_t k = 0; k < 2 * r; k++) {
            const double *other = rows + k % r * size;
            double share = dot(row, other, size);
            for (int64_t a = 0; a < size; a++) row[a] -= share * other[a];
        }
        double left = dot(row, row, size), norm = sqrt(left);
        bool nothing = !(left > 1e-20 * before);
        for (int64_t a = 0; a < size; a++) row[a] = nothing ? 0 : row[a] / norm;
    }
}

// The matrix's product with each of these rows into `products`. Returns the variance in the first
// `components`, the first of them counted most: greatest when they are the components, in order.
static double apply(const Scatter *s, const double *rows, int64_t count, int64_t components,
                    double *products)
{
    double captured = 0;
    for (int64_t r = 0; r < count; r++) {
        const double *q = rows + r * s->size;
        for (int64_t a = 0; a < s->size; a++)
            products[r * s->size + a] = dot(s->products + a * s->size, q, s->size);
        if (r < components)
            captured += (double)(components - r) * dot(q, products + r * s->size, s->size);
    }
    return captured;
}

Points principal_components(const Points *points, int64_t components, RandomKey key)
{
    Scatter s = scatter_of(points);
    int64_t wanted = components + SPARE, size = s.size; // more directions converge sooner
    if (wanted > size) wanted = size;
    double *rows = doubles(wanted * size), *products = doubles(wanted * size), before = 0;
    for (int64_t i = 0; i < wanted * size; i++) rows[i] = (double)random_normal(key, (uint64_t)i);
    for (int i = 0; i < MOST_ITERATIONS; i++) {
        orthonormalise(rows, wanted, size);
        double captured = apply(&s, rows, wanted, components, products);
        if (i > 2 && fabs(captured - before) <= 1e-10 * captured) break;
        before = captured;
        memcpy(rows, products, sizeof(double) * (size_t)(wanted * size));
    }
    orthonormalise(rows, wanted, size);
    Points found = {points->count, components, doubles(points->count * components)};
    for (int64_t i = 0; i < points->count; i++)
        for (int64_t c = 0; c < components && c < wanted; c++)
            found.values[i * components + c] = dot(s.centred + i * size, rows + c * size, size);
    free(rows);
    free(products);
    free(s.centred);
    free(s.products);
    return found;
}

// ---- independent components ----

// Every coordinate to variance 1.
static void whiten(Points *p)
{
    for (int64_t c = 0; c < p->size; c++) {
        double squares = 0;
        for (int64_t i = 0; i < p->count; i++)
            squares += p->values[i * p->size + c] * p->values[i * p->size + c];
        double deviation = sqrt(squares / (double)p->count);
        for (int64_t i = 0; i < p->count && deviation > 0; i++)
            p->values[i * p->size + c] /= deviation;
    }
}

// W = (W W^T)^(-1/2) W, by W = 3/2 W - 1/2 W W^T W from a small enough W on.
static void decorrelate(double *w, int64_t k)
{
    double *ww = doubles(k * k), *next = doubles(k * k), norm = sqrt(dot(w, w, k * k));
    for (int64_t i = 0; i < k * k; i++) w[i] /= norm;
    for (int round = 0; round < 60; round++) {
        for (int64_t i = 0; i < k * k; i++) ww[i] = dot(w + i / k * k, w + i % k * k, k);
        for (int64_t i = 0; i < k * k; i++) {
            next[i] = 1.5 * w[i];
            for (int64_t j = 0; j < k; j++) next[i] -= .5 * ww[i / k * k + j] * w[j * k + i % k];
        }
        memcpy(w, next, sizeof(double) * (size_t)(k * k));
    }
    free(ww);
    free(next);
}

// W's next value: rows E[z (w . z)^3] - 3 w, decorrelated. Returns how far a row turned.
static double turn(const Points *z, double *w)
{
    int64_t k = z->size;
    double *next = doubles(k * k), most = 0;
    for (int64_t i = 0; i < z->count; i++)
        for (int64_t r = 0; r < k; r++) {
            const double *x = z->values + i * k;
            double u = dot(w + r * k, x, k), cube = u * u * u / (double)z->count;
            for (int64_t c = 0; c < k; c++) next[r * k + c] += cube * x[c];
        }
    for (int64_t i = 0; i < k * k; i++) next[i] -= 3 * w[i];
    decorrelate(next, k);
    for (int64_t r = 0; r < k; r++)
        most = fmax(most, fabs(1 - fabs(dot(next + r * k, w + r * k, k))));
    memcpy(w, next, sizeof(double) * (size_t)(k * k));
    free(next);
    return most;
}

void independent_components(Points *points, RandomKey key)
{
    int64_t k = points->size, used = 0;
    whiten(points);
    while (used < k && points->count > 0 && fabs(points->values[used]) > 0) used++;
    if (used < k) return; // fewer samples than directions: whitened they stay
    double *w = doubles(k * k), *rotated = doubles(k);
    for (int64_t i = 0; i < k * k; i++) w[i] = (double)random_normal(key, (uint64_t)i);
    decorrelate(w, k);
    for (int i = 0; i < 1000 && turn(points, w) > .005; i++) continue;
    for (int64_t i = 0; i < points->count; i++) {
        double *x = points->values + i * k;
        for (int64_t r = 0; r < k; r++) rotated[r] = dot(w + r * k, x, k);
        memcpy(x, rotated, sizeof(double) * (size_t)k);
    }
    free(w);
    free(rotated);
}

// ---- two means ----

static double distance2(const double *a, const double *b, int64_t size)
{
    double sum = 0;
    for (int64_t i = 0; i < size; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

// k-means++: a point at random, another with a probability proportional to its squared distance.
static void choose_start(const Points *p, RandomKey key, double *means)
{
    size_t bytes = sizeof(double) * (size_t)p->size;
    const double *first = p->values + p->size * (int64_t)random_below(key, 0, (uint32_t)p->count);
    double total = 0, side = (double)random_uniform(key, 4), so_far = 0;
    int64_t chosen = 0;
    for (int64_t i = 0; i < p->count; i++)
        total += distance2(p->values + i * p->size, first, p->size);
    for (; chosen + 1 < p->count; chosen++) {
        so_far += distance2(p->values + chosen * p->size, first, p->size);
        if (so_far > side * total) break;
    }
    memcpy(means, first, bytes);
    memcpy(means + p->size, p->values + chosen * p->size, bytes);
}

// Each point to the nearer mean; whether one moved.
static bool assign(const Points *p, const double *means, TwoMeans *t)
{
    bool moved = false;
    t->inertia = 0;
    t->sizes[0] = t->sizes[1] = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const double *x = p->values + i * p->size;
        double a = distance2(x, means, p->size), b = distance2(x, means + p->size, p->size);
        uint8_t second = b < a;
        moved |= second != t->second[i];
        t->second[i] = second;
        t->sizes[second]++;
        t->inertia += second ? b : a;
    }
    return moved;
}

static void average(const Points *p, const TwoMeans *t, double *means)
{
    for (int k = 0; k < 2; k++) {
        if (t->sizes[k] == 0) continue;
        memset(means + k * p->size, 0, sizeof(double) * (size_t)p->size);
    }
    for (int64_t i = 0; i < p->count; i++)
        for (int64_t c = 0; c < p->size; c++)
            means[t->second[i] * p->size + c] +=
                p->values[i * p->size + c] / (double)t->sizes[t->second[i]];
}

TwoMeans two_means(const Points *p, int restarts, int iterations, RandomKey key)
{
    TwoMeans best = {.inertia = INFINITY};
    double *means = doubles(2 * p->size);
    for (int restart = 0; restart < restarts; restart++) {
        TwoMeans t = {.second = allocate_zeroed((size_t)p->count + 1)};
        RandomKey own = {key.seed, key.purpose, key.step * 1000 + (uint32_t)restart};
        choose_start(p, own, means);
        bool moved = true;
        assign(p, means, &t);
        for (int i = 0; moved && i < iterations; i++) {
            average(p, &t, means);
            moved = assign(p, means, &t);
        }
        TwoMeans worse = t.inertia < best.inertia ? best : t;
        if (t.inertia < best.inertia) best = t;
        two_means_free(&worse);
    }
    free(means);
    return best;
}

void two_means_free(TwoMeans *clusters)
{
    free(clusters->second);
    *clusters = (TwoMeans){0};
}

// ---- silhouette ----

typedef struct Silhouettes {
    const Points *points;
    const TwoMeans *clusters;
    double *each;
} Silhouettes;

static void silhouette_of(void *context, int64_t i, int thread)
{
    (void)thread;
    const Silhouettes *s = context;
    const Points *p = s->points;
    double sums[2] = {0, 0};
    for (int64_t k = 0; k < p->count; k++)
        sums[s->clusters->second[k]] +=
            sqrt(distance2(p->values + i * p->size, p->values + k * p->size, p->size));
    int own = s->clusters->second[i];
    double others = (double)s->clusters->sizes[own] - 1;
    if (others == 0) return;
    double a = sums[own] / others, b = sums[1 - own] / (double)s->clusters->sizes[1 - own];
    double greater = fmax(a, b);
    s->each[i] = greater > 0 ? (b - a) / greater : 0;
}

double silhouette(const Points *points, const TwoMeans *clusters)
{
    if (clusters->sizes[0] == 0 || clusters->sizes[1] == 0) return 0;
    double sum = 0;
    Silhouettes s = {points, clusters, doubles(points->count)};
    parallel_for(points->count, silhouette_of, &s);
    for (int64_t i = 0; i < points->count; i++) sum += s.each[i];
    free(s.each);
    return sum / (double)points->count;
}

// Principal components against eigenvalues found by brute force (Jacobi's rotations), independent
// components of a mixture, 2-means and silhouettes of points made by hand.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"
#include "experiments/clusters.h"
#include "tests/test.h"

enum { COUNT = 200, SIZE = 6, LARGE = 40 };
static const RandomKey KEY = {3, 5, 0};

static Points points_create(int64_t count, int64_t size, const double *values)
{
    size_t bytes = sizeof(double) * (size_t)(count * size);
    Points p = {count, size, allocate_zeroed(bytes)};
    if (values) memcpy(p.values, values, bytes);
    return p;
}

// Coordinates with unlike variances, mixed with one another.
static Points mixed_points(int64_t count, int64_t size)
{
    Points p = points_create(count, size, NULL);
    RandomKey key = {1, random_purpose("mixed"), 0};
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < size; c++)
            for (int64_t k = 0; k < size; k++)
                p.values[i * size + c] += (double)random_normal(key, (uint64_t)(i * size + k)) /
                                              (double)(k + 1) *
                                              (k == c ? 2 : (double)((c + 2 * k) % 5) / 5) +
                                          (double)c / (double)size;
    return p;
}

// Sums of products about the mean, row by row as the definition has them.
static void scatter_matrix(const Points *p, double *matrix)
{
    for (int64_t a = 0; a < p->size; a++)
        for (int64_t b = 0; b < p->size; b++) {
            double ma = 0, mb = 0, sum = 0;
            for (int64_t i = 0; i < p->count; i++) ma += p->values[i * p->size + a];
            for (int64_t i = 0; i < p->count; i++) mb += p->values[i * p->size + b];
            ma /= (double)p->count, mb /= (double)p->count;
            for (int64_t i = 0; i < p->count; i++)
                sum += (p->values[i * p->size + a] - ma) * (p->values[i * p->size + b] - mb);
            matrix[a * p->size + b] = sum;
        }
}

// Eigenvalues of a symmetric matrix, descending: one rotation after the other until nothing is left
// beside the diagonal.
static void eigenvalues(double *m, int64_t n, double *found)
{
    for (int sweep = 0; sweep < 60; sweep++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                double angle = .5 * atan2(2 * m[p * n + q], m[q * n + q] - m[p * n + p]);
                double c = cos(angle), s = sin(angle);
                for (int64_t k = 0; k < n; k++) {
                    double x = m[k * n + p], y = m[k * n + q];
                    m[k * n + p] = c * x - s * y, m[k * n + q] = s * x + c * y;
                }
                for (int64_t k = 0; k < n; k++) {
                    double x = m[p * n + k], y = m[q * n + k];
                    m[p * n + k] = c * x - s * y, m[q * n + k] = s * x + c * y;
                }
            }
    for (int64_t i = 0; i < n; i++) found[i] = m[i * n + i];
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = i + 1; k < n; k++)
            if (found[k] > found[i]) {
                double larger = found[k];
                found[k] = found[i], found[i] = larger;
            }
}

static void compare_components(int64_t size, int64_t components)
{
    Points p = mixed_points(COUNT, size), z = principal_components(&p, components, KEY);
    double *matrix = allocate(sizeof(double) * (size_t)(size * size));
    double *expected = allocate(sizeof(double) * (size_t)size);
    scatter_matrix(&p, matrix);
    eigenvalues(matrix, size, expected);
    double captured = 0, most = 0;
    for (int64_t a = 0; a < components; a++) {
        for (int64_t b = 0; b < components; b++) {
            double sum = 0;
            for (int64_t i = 0; i < COUNT; i++)
                sum += z.values[i * components + a] * z.values[i * components + b];
            if (a == b)
                captured += sum;
            else
                check(fabs(sum) < 2e-3 * expected[0], "components %d, %d: %g", (int)a, (int)b, sum);
        }
        most += expected[a];
    }
    check(fabs(captured - most) < 1e-6 * most, "%d of %d: %.9g of %.9g", (int)components, (int)size,
          captured, most);
    free(matrix), free(expected);
    points_free(&p), points_free(&z);
}

static void components_capture_the_greatest_eigenvalues(void)
{
    compare_components(SIZE, 3);
    compare_components(SIZE, SIZE);
    compare_components(LARGE, 10); // more directions than the iteration keeps
}

static void directions_without_variance_are_zero(void)
{
    double line[] = {1, 2, 3, 2, 4, 6, 3, 6, 9, 5, 10, 15}; // multiples of (1, 2, 3)
    Points p = points_create(4, 3, line), z = principal_components(&p, 3, KEY);
    double length = sqrt(14), mean = 11. / 4, multiples[] = {1, 2, 3, 5};
    for (int i = 0; i < 4; i++) {
        check(fabs(fabs(z.values[3 * i]) - fabs(multiples[i] - mean) * length) < 1e-9, "%g",
              z.values[3 * i]);
        check(fabs(z.values[3 * i + 1]) < 1e-6 && fabs(z.values[3 * i + 2]) < 1e-6, "no others");
    }
    points_free(&p), points_free(&z);
}

// Two independent uniform sources, turned by 30 degrees and stretched, come back.
static void independent_components_are_the_sources(void)
{
    enum { N = 2000 };
    RandomKey key = {2, random_purpose("sources"), 0};
    Points p = points_create(N, 2, NULL);
    double *sources = allocate(sizeof(double) * 2 * N);
    for (int i = 0; i < N; i++) {
        double a = sources[2 * i] = (double)random_uniform(key, 2 * (uint64_t)i) - .5;
        double b = sources[2 * i + 1] = (double)random_uniform(key, 2 * (uint64_t)i + 1) - .5;
        p.values[2 * i] = 3 * (.866 * a - .5 * b);
        p.values[2 * i + 1] = .5 * a + .866 * b;
    }
    Points z = principal_components(&p, 2, KEY);
    independent_components(&z, KEY);
    for (int s = 0; s < 2; s++) {
        double best = 0;
        for (int c = 0; c < 2; c++) {
            double both = 0, ss = 0, cc = 0;
            for (int i = 0; i < N; i++) {
                double x = sources[2 * i + s], y = z.values[2 * i + c];
                both += x * y, ss += x * x, cc += y * y;
            }
            best = fmax(best, fabs(both) / sqrt(ss * cc));
            check(fabs(cc / N - 1) < 1e-6, "variance %g", cc / N);
        }
        check(best > .99, "source %d correlates %g with a component", s, best);
    }
    free(sources);
    points_free(&p), points_free(&z);
}

static const double made_by_hand[] = {0, 0, 0, 2, 10, 0, 10, 2, 10, 4};

static void two_means_find_two_clusters(void)
{
    Points p = points_create(5, 2, made_by_hand);
    TwoMeans t = two_means(&p, 10, 300, KEY);
    check(t.second[0] == t.second[1] && t.second[2] == t.second[3] && t.second[3] == t.second[4] &&
              t.second[0] != t.second[2],
          "two and three");
    check(t.sizes[t.second[0]] == 2 && t.sizes[t.second[2]] == 3, "sizes");
    check(fabs(t.inertia - (1 + 1 + 4 + 0 + 4)) < 1e-12, "inertia %g", t.inertia);
    two_means_free(&t);
    points_free(&p);
}

static void two_means_keep_the_best_start(void)
{
    double rectangle[] = {0, 0, 0, 1, 9, 0, 9, 1}; // one start in some ends in rows, inertia 81
    Points p = points_create(4, 2, rectangle);
    TwoMeans t = two_means(&p, 10, 300, KEY);
    check(fabs(t.inertia - 1) < 1e-12, "inertia %g", t.inertia);
    two_means_free(&t);
    points_free(&p);
}

static void equal_points_are_one_cluster(void)
{
    double same[] = {4, 5, 4, 5, 4, 5};
    Points p = points_create(3, 2, same);
    TwoMeans t = two_means(&p, 3, 10, KEY);
    check(t.sizes[0] == 3 && t.sizes[1] == 0 && silhouette(&p, &t) == 0, "one cluster");
    two_means_free(&t);
    points_free(&p);
}

// On a line, {0, 1} and {4, 6}:
// 0: a = 1, b = 5, 4/5;   1: a = 1, b = 4, 3/4;   4: a = 2, b = 3.5, 3/7;   6: a = 2, b = 5.5, 7/11
static void silhouettes_are_rousseeuws(void)
{
    double line[] = {0, 1, 4, 6};
    uint8_t second[] = {0, 0, 1, 1}, alone[] = {0, 0, 0, 1};
    Points p = points_create(4, 1, line);
    TwoMeans t = {.second = second, .sizes = {2, 2}};
    double expected = (4. / 5 + 3. / 4 + 1.5 / 3.5 + 3.5 / 5.5) / 4;
    check(fabs(silhouette(&p, &t) - expected) < 1e-15, "%g, not %g", silhouette(&p, &t), expected);
    // 0: a = 2.5, b = 6;   1: a = 2, b = 5;   4: a = 3.5, b = 2;   6 is alone
    TwoMeans other = {.second = alone, .sizes = {3, 1}};
    expected = (3.5 / 6 + 3. / 5 - 1.5 / 3.5 + 0) / 4;
    check(fabs(silhouette(&p, &other) - expected) < 1e-15, "%g", silhouette(&p, &other));
    points_free(&p);
}

static void threads_change_no_bit(void)
{
    Points p = mixed_points(COUNT, LARGE), z[2];
    double s[2];
    for (int i = 0; i < 2; i++) {
        threads_set(i == 0 ? 1 : 3);
        z[i] = principal_components(&p, 10, KEY);
        TwoMeans t = two_means(&z[i], 5, 100, KEY);
        s[i] = silhouette(&z[i], &t);
        two_means_free(&t);
    }
    check(memcmp(z[0].values, z[1].values, sizeof(double) * COUNT * 10) == 0 && s[0] == s[1],
          "the same bits");
    points_free(&p), points_free(&z[0]), points_free(&z[1]);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"components_capture_the_greatest_eigenvalues",
         components_capture_the_greatest_eigenvalues},
        {"directions_without_variance_are_zero", directions_without_variance_are_zero},
        {"independent_components_are_the_sources", independent_components_are_the_sources},
        {"two_means_find_two_clusters", two_means_find_two_clusters},
        {"two_means_keep_the_best_start", two_means_keep_the_best_start},
        {"equal_points_are_one_cluster", equal_points_are_one_cluster},
        {"silhouettes_are_rousseeuws", silhouettes_are_rousseeuws},
        {"threads_change_no_bit", threads_change_no_bit}};
    return TESTS_RUN(tests);
}

// core/sha256.c against the examples of FIPS 180-4 and digests that Python's hashlib made.
#include "core/sha256.h"

#include <string.h>
#include "tests/test.h"

static void the_examples_of_the_standard_hold(void)
{
    static const struct {
        const char *text, *hex;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrsmnopqrst"
         "nopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (int i = 0; i < 4; i++) {
        char hex[65];
        sha256_hex(examples[i].text, strlen(examples[i].text), hex);
        check(strcmp(hex, examples[i].hex) == 0, "example %d: %s", i, hex);
    }
}

static void finish(Sha256 *hash, char hex[65])
{
    uint8_t digest[32];
    sha256_end(hash, digest);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] / 16];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] % 16];
    }
    hex[64] = 0;
}

static void a_million_letters_in_odd_parts(void)
{
    char letters[997], hex[65];
    memset(letters, 'a', sizeof letters);
    Sha256 hash;
    sha256_begin(&hash);
    for (size_t left = 1000000; left > 0;) {
        size_t part = left < sizeof letters ? left : sizeof letters;
        sha256_update(&hash, letters, part);
        left -= part;
    }
    finish(&hash, hex);
    check(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0,
          "%s", hex);
}

// Every length around the padding's edges (55, 56, 63, 64 bytes), whole and byte by byte; the
// digests of all, hashed.
static void every_length_around_a_block(void)
{
    uint8_t bytes[200];
    for (int i = 0; i < 200; i++) bytes[i] = (uint8_t)i;
    Sha256 all;
    char hex[65];
    sha256_begin(&all);
    for (size_t length = 0; length < 200; length++) {
        char parts[65];
        Sha256 hash;
        sha256_begin(&hash);
        for (size_t i = 0; i < length; i++) sha256_update(&hash, bytes + i, 1);
        finish(&hash, parts);
        sha256_hex(bytes, length, hex);
        check(strcmp(parts, hex) == 0, "length %d: %s in parts, %s at once", (int)length, parts,
              hex);
        sha256_update(&all, hex, 64);
    }
    finish(&all, hex);
    check(strcmp(hex, "7a38a844c9e159de39f0862ee2e28569a8250831150a3fbf0a59c001129b2fb2") == 0,
          "%s", hex);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_examples_of_the_standard_hold", the_examples_of_the_standard_hold},
        {"a_million_letters_in_odd_parts", a_million_letters_in_odd_parts},
        {"every_length_around_a_block", every_length_around_a_block},
    };
    return TESTS_RUN(tests);
}

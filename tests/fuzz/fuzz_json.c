// libFuzzer: any bytes are refused or read, and what was read, printed and read again prints the
// same.
#include <stdint.h>
#include <string.h>
#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = {0};
    Json *json = json_parse((const char *)data, size, "fuzz", &error);
    if (!json) {
        if (!error.message[0]) panic("refused without a reason");
        return 0;
    }
    Text first = {0}, second = {0};
    json_print(json, &first);
    Json *again = json_parse(first.text, first.length, "printed", &error);
    if (!again) panic("%s: %s", error.message, first.text);
    json_print(again, &second);
    if (strcmp(first.text, second.text) != 0) panic("%s became %s", first.text, second.text);
    json_free(json);
    json_free(again);
    text_free(&first);
    text_free(&second);
    return 0;
}

// data/fetch.sh against a server on this machine: right files arrive where the program looks for
// them; a wrong, missing or unchecked one leaves nothing behind. The network is never asked.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/file.h"
#include "data/dataset.h"
#include "tests/test.h"

static pid_t server;
static int port;
static char last_output[4096];

static void stop_server(void)
{
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
    }
}

// The file that the server writes names its port; it takes a moment.
static int read_port(const char *path)
{
    for (int tenth = 0; tenth < 300; tenth++) {
        Bytes bytes;
        int number = 0;
        if (file_read(path, 4096, &bytes, NULL)) {
            const char *word = strstr((const char *)bytes.data, " port ");
            if (word) number = atoi(word + 6);
            bytes_free(&bytes);
        }
        if (number > 0) return number;
        usleep(100000);
    }
    return 0;
}

// Serves DIRECTORY/www; false, with the test skipped, where that is not possible here.
static bool start_server(void)
{
    if (port > 0) return true;
    if (system("command -v python3 curl unzip tar >/dev/null 2>&1 && "
               "python3 -c 'import http.server, zipfile' 2>/dev/null") != 0) {
        skip("python3, curl, unzip or tar is missing");
        return false;
    }
    char log[512], www[512];
    snprintf(log, sizeof log, "%s/server.log", temporary_directory());
    snprintf(www, sizeof www, "%s/www", temporary_directory());
    Error error = {0};
    if (!check(directory_create(www, &error), "%s", error.message)) return false;
    server = fork();
    if (server == 0) {
        if (!freopen(log, "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(1);
        execlp("python3", "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1",
               "--directory", www, (char *)NULL);
        _exit(1);
    }
    atexit(stop_server);
    port = read_port(log);
    if (port == 0) skip("no server of python3");
    return port > 0;
}

// Runs a line of the shell in the temporary directory; its output is kept.
static int shell(const char *line)
{
    char command[2048], log[512];
    snprintf(log, sizeof log, "%s/shell.log", temporary_directory());
    snprintf(command, sizeof command,
             "cd '%s' && unset SIEVE_DATA http_proxy && { %s; } >'%s' 2>&1", temporary_directory(),
             line, log);
    int status = system(command);
    Bytes bytes = {0};
    file_read(log, sizeof last_output - 1, &bytes, NULL);
    snprintf(last_output, sizeof last_output, "%s", bytes.data ? (char *)bytes.data : "");
    bytes_free(&bytes);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int fetch(const char *words)
{
    char line[1024], place[512];
    if (!getcwd(place, sizeof place)) return -1;
    snprintf(line, sizeof line,
             "no_proxy=127.0.0.1 '%s/data/fetch.sh' --from http://127.0.0.1:%d %s", place, port,
             words);
    return shell(line);
}

static void refused(const char *words, int status, const char *reason)
{
    int got = fetch(words);
    check(got == status, "fetch.sh %s: status %d, not %d\n%s", words, got, status, last_output);
    check(strstr(last_output, reason) != NULL, "fetch.sh %s: '%s' lacks '%s'", words, last_output,
          reason);
    check(shell("[ -z \"$(ls -A sets 2>/dev/null)\" ]") == 0, "fetch.sh %s leaves files", words);
}

static void wrong_use_is_refused(void)
{
    refused("", 2, "which data set?");
    refused("nosuch", 2, "unknown data set 'nosuch'");
    refused("mnist cifar10", 2, "one data set at a time");
    refused("mnist --nosuch", 2, "unknown option --nosuch");
    refused("mnist --data-dir", 2, "--data-dir needs a value");
}

static void files_that_are_not_the_published_ones_are_refused(void)
{
    if (!start_server()) return;
    refused("cifar10 --data-dir sets", 1, "cifar-10-binary.tar.gz: cannot be fetched");
    check(shell("echo wrong >www/cifar-10-binary.tar.gz") == 0, "%s", last_output);
    refused("cifar10 --data-dir sets", 1,
            "cifar-10-binary.tar.gz: its SHA-256 is "
            "543df89fec85b1c280e5be7bc6a33e31203503cd6edb3084312de4db5a9b436c, not c4a38c50a1bc");
    refused("cifar10 --data-dir sets --unchecked", 1, "its SHA-256 is");
}

static void files_without_a_published_checksum_need_consent(void)
{
    if (!start_server()) return;
    check(shell("mkdir -p GTSRB/Final_Training/Images GTSRB/Final_Test/Images && echo x >csv && "
                "echo a >GTSRB/Final_Training/Images/a && echo b >GTSRB/Final_Test/Images/b && "
                "python3 -m zipfile -c www/GTSRB_Final_Training_Images.zip GTSRB && "
                "python3 -m zipfile -c www/GTSRB_Final_Test_Images.zip GTSRB && "
                "cp csv GT-final_test.csv && "
                "python3 -m zipfile -c www/GTSRB_Final_Test_GT.zip GT-final_test.csv") == 0,
          "%s", last_output);
    refused("gtsrb --data-dir sets", 1, "no SHA-256 is published; this file's is ");
    refused("gtsrb --data-dir sets", 1, "--unchecked accepts it");
    check(fetch("gtsrb --data-dir sets --unchecked") == 0, "%s", last_output);
    check(shell("cat sets/gtsrb/Final_Training/Images/a sets/gtsrb/Final_Test/Images/b "
                "sets/gtsrb/Final_Test/GT-final_test.csv | tr -d '\\n' | grep -qx abx && "
                "[ \"$(ls -A sets)\" = gtsrb ]") == 0,
          "%s", last_output);
    check(fetch("gtsrb --data-dir sets --unchecked") == 1 &&
              strstr(last_output, "sets/gtsrb is there already"),
          "%s", last_output);
    check(shell("rm -r sets") == 0, "%s", last_output);
}

static void mnist_arrives_and_is_loaded(void)
{
    if (!shared_path("data/mnist")) {
        skip("no ../shared");
        return;
    }
    if (!start_server()) return;
    char line[1024], *place = realpath(shared_path("data/mnist"), NULL);
    snprintf(line, sizeof line, "cp '%s'/*.gz www", place);
    free(place);
    check(shell(line) == 0, "%s", last_output);
    check(fetch("mnist --data-dir sets") == 0, "%s", last_output);
    char directory[512];
    snprintf(directory, sizeof directory, "%s/sets", temporary_directory());
    Dataset train, test;
    Error error = {0};
    DataRequest request = {.directory = directory};
    if (check(dataset_load(data_source_find("mnist", &error), &request, &train, &test, &error),
              "%s", error.message))
        check(train.count == 60000 && test.count == 10000, "counts");
    dataset_free(&train);
    dataset_free(&test);
    check(shell("rm -r sets") == 0, "%s", last_output);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"wrong_use_is_refused", wrong_use_is_refused},
        {"files_that_are_not_the_published_ones_are_refused",
         files_that_are_not_the_published_ones_are_refused},
        {"files_without_a_published_checksum_need_consent",
         files_without_a_published_checksum_need_consent},
        {"mnist_arrives_and_is_loaded", mnist_arrives_and_is_loaded},
    };
    return TESTS_RUN(tests);
}

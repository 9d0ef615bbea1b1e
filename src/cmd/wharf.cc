// wharf, the command line. Called as `docker` it is the same program.
#include "cli/command.h"

int main(int argc, char** argv) {
  return wharf::cli::run_program({argv + 1, argv + argc});
}

/* Exchanges two names for ever, as a container does that races the engine. Usage: swap A B */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

int main(int count, char** names) {
  if (count != 3) return 2;
  for (;;) renameat2(AT_FDCWD, names[1], AT_FDCWD, names[2], RENAME_EXCHANGE);
}

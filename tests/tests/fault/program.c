/* What runs in the boxes of the fault tests; argv[1] says which part it plays. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stay(void) {
  for (int signal = 1; signal < 32; signal++) (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  for (;;) pause();
}

/* Children in sessions of their own, files, a little time: something to be caught in the middle of. */
static int tree(void) {
  for (int child = 0; child < 2; child++) {
    if (fork() == 0) {
      setsid();
      close(1);
      close(2);
      stay();
    }
  }
  FILE *file = fopen("/w/left", "w");
  if (!file || fputs("left\n", file) < 0 || fclose(file) != 0) return 3;
  usleep(5000);
  return puts("tree") < 0;
}

static int flood(void) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  for (;;) {
    if (write(1, block, sizeof block) < 0) return 4;
  }
}

static int hog(size_t mebibytes) {
  char *memory = malloc(mebibytes << 20);
  if (!memory) return 5;
  for (size_t at = 0; at < mebibytes << 20; at += 4096) ((volatile char *)memory)[at] = 1;
  puts("touched");
  fflush(stdout);
  stay();
  return 0;
}

/* Asks so many questions and wants each back. */
static int ask(int questions) {
  char line[32];
  for (int n = 0; n < questions; n++) {
    printf("%d\n", n);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin) || atoi(line) != n) return 43;
  }
  return 42;
}

static int answer(void) {
  char line[32];
  while (fgets(line, sizeof line, stdin)) {
    fputs(line, stdout);
    fflush(stdout);
  }
  return 0;
}

/* Writes so many bytes once nobody talks to it any more, which is when its partner is gone. */
static int last_word(size_t bytes) {
  static char block[4096];
  while (read(0, block, sizeof block) > 0) {
  }
  usleep(50000);
  for (size_t sent = 0; sent < bytes; sent += sizeof block) {
    if (write(1, block, sizeof block) < 0) return 6;
  }
  return 0;
}

/* Says no more, and listens on until the other one ends. */
static int shut(void) {
  static char block[4096];
  close(1);
  while (read(0, block, sizeof block) > 0) {
  }
  return 42;
}

/* Ends well when its input ends, and badly when a word is missing before that. */
static int until_end(void) {
  char word[8];
  return read(0, word, sizeof word) == 0 ? 0 : 7;
}

int main(int count, char **words) {
  const char *part = count > 1 ? words[1] : "";
  if (!strcmp(part, "tree")) return tree();
  if (!strcmp(part, "flood")) return flood();
  if (!strcmp(part, "hog") && count > 2) return hog(strtoul(words[2], NULL, 10));
  if (!strcmp(part, "ask") && count > 2) return ask(atoi(words[2]));
  if (!strcmp(part, "answer")) return answer();
  if (!strcmp(part, "last_word") && count > 2) return last_word(strtoul(words[2], NULL, 10));
  if (!strcmp(part, "leave") && count > 2) return atoi(words[2]);
  if (!strcmp(part, "shut")) return shut();
  if (!strcmp(part, "until_end")) return until_end();
  if (!strcmp(part, "stay")) stay();
  return 0;
}

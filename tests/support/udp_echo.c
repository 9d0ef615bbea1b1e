/* Answers every datagram with its own bytes. Usage: udp_echo PORT */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int count, char** words) {
  char bytes[2048];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[count - 1]))};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) < 0) return 1;
  for (;;) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr*)&peer, &size);
    if (n >= 0) sendto(fd, bytes, (size_t)n, 0, (struct sockaddr*)&peer, size);
  }
}

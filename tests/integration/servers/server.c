/* A server in C: writes what each connection brought into a file of its own in DIRECTORY. Usage:
   server PORT DIRECTORY */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  static char buffer[1 << 16];
  struct sockaddr_in address = {.sin_family = AF_INET};
  const int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (argc != 3) return 2;
  address.sin_port = htons((unsigned short)atoi(argv[1]));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0) return 3;
  if (listen(listener, 128) != 0) return 4;
  for (int number = 0;; ++number) {
    char path[4096], done[4096];
    ssize_t got;
    int connection = accept(listener, NULL, NULL);
    snprintf(path, sizeof path, "%s/part-%d-%d", argv[2], (int)getpid(), number);
    snprintf(done, sizeof done, "%s/whole-%d-%d", argv[2], (int)getpid(), number);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    while ((got = read(connection, buffer, sizeof buffer)) > 0) {
      if (write(file, buffer, (size_t)got) != got) return 5;
    }
    close(file);
    close(connection);
    if (rename(path, done) != 0) return 6;
  }
}

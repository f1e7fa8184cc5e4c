// Requests whose bodies are made of requests, for tests that look for the next real one.
#pragma once

#include <cstddef>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace dormouse::mirror {

struct Upload {
  std::string head;
  std::vector<std::string> parts;  // Of the body, as segments carry them.

  std::string bytes() const {
    std::string all = head;
    for (const std::string& part : parts) all += part;
    return all;
  }
};

inline std::string hostilePart(std::mt19937& random) {
  switch (random() % 4) {
    case 0:
      return "GET /fake HTTP/1.1\r\nHost: evil\r\n\r\n";
    case 1:
      return "POST /fake HTTP/1.1\r\nHost: evil\r\nContent-Length: 5\r\n\r\nGET /";
    case 2:
      return "PUT /fake HTTP/1.1\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    default:
      return "\r\n\r\nGET /fake HTTP/1.0\r\n\r\n";
  }
}

/// `POST /real/NUMBER`, with a length or in chunks.
inline Upload hostileUpload(std::mt19937& random, int number) {
  Upload made;
  std::string body;
  for (std::size_t i = 0, count = 1 + random() % 11; i < count; ++i) {
    made.parts.push_back(hostilePart(random));
    body += made.parts.back();
  }
  const std::string target = "POST /real/" + std::to_string(number) + " HTTP/1.1\r\nHost: a\r\n";
  if (random() % 2 == 0) {
    made.head = target + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return made;
  }
  // The lines between the chunks' data come with what is before them.
  made.head = target + "Transfer-Encoding: chunked\r\n\r\n";
  std::string* before = &made.head;
  for (std::string& part : made.parts) {
    std::ostringstream size;
    size << std::hex << part.size() << "\r\n";
    *before += size.str();
    part += "\r\n";
    before = &part;
  }
  made.parts.back() += "0\r\n\r\n";
  return made;
}

}  // namespace dormouse::mirror

// The control API's way from bytes to a decision, without sockets: head, body framing, chunked
// body, router, query and the mirror specification in it. Only Problem and SpecError may come out.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/http_parser.h"
#include "common/problem.h"
#include "common/query.h"
#include "common/router.h"
#include "wire/mirror_spec.h"

namespace {

dormouse::Router makeRouter() {
  using dormouse::HttpRequest;
  using dormouse::HttpResponse;
  dormouse::Router router;
  router.add("GET", "/v1/mirrors/{id}", [](const HttpRequest&, const std::string& id) {
    if (id.empty() || id.find('/') != std::string::npos) __builtin_trap();
    return HttpResponse{};
  });
  router.add("GET", "/v1/stream", [](const HttpRequest& request, const std::string&) {
    dormouse::wire::parseStreamSpec(dormouse::parseQuery(request.query));
    return HttpResponse{};
  });
  router.add("POST", "/v1/mirrors", [](const HttpRequest& request, const std::string&) {
    dormouse::wire::parsePushSpec(request.body);
    return HttpResponse{};
  });
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dormouse::Router kRouter = makeRouter();
  const dormouse::HttpLimits limits;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t length = dormouse::headLength(bytes);
  if (length > bytes.size()) __builtin_trap();
  if (length == 0) return 0;
  try {
    dormouse::HttpRequest request = dormouse::parseHead(bytes.substr(0, length));
    if (request.path.empty() || request.path.front() != '/') __builtin_trap();
    bytes.erase(0, length);
    const dormouse::BodyFraming framing = dormouse::bodyFraming(request, limits);
    if (framing.chunked) {
      dormouse::ChunkedDecoder decoder(limits);
      decoder.feed(bytes);
      request.body = decoder.takeBody();
    } else {
      request.body = bytes.substr(0, framing.length);
    }
    if (request.body.size() > limits.bodyBytes) __builtin_trap();
    kRouter.route(request);
  } catch (const dormouse::Problem&) {
    // Refused, as most of it should be.
  } catch (const dormouse::wire::SpecError&) {
    // Refused by what reads the query.
  }
  return 0;
}

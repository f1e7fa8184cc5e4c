// Which handler serves a method and a path.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/http_message.h"

namespace dormouse {

/// Filled once, then read by any thread.
class Router {
 public:
  /// `id` is what stood in the place of "{id}"; empty if the pattern has none. It is not empty
  /// otherwise and holds no '/'.
  using Handler = std::function<HttpResponse(const HttpRequest& request, const std::string& id)>;

  /// `pattern`: a path with at most one segment "{id}", such as "/v1/mirrors/{id}".
  void add(std::string method, std::string pattern, Handler handler);

  /// Throws Problem 404, or 405 with Allow, and whatever the handler throws.
  HttpResponse route(const HttpRequest& request) const;

  /// Method and pattern of each route, in the order of add().
  std::vector<std::pair<std::string, std::string>> routes() const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace dormouse

#include "common/router.h"

#include <optional>
#include <string_view>

#include "common/problem.h"
#include "common/utf8.h"

namespace dormouse {
namespace {

// What stands in the place of {id}, empty if the pattern has none; nothing if the path differs.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  constexpr std::string_view kPlace = "{id}";
  const std::size_t place = pattern.find(kPlace);
  if (place == std::string_view::npos) {
    return pattern == path ? std::optional<std::string>("") : std::nullopt;
  }
  const std::string_view before = pattern.substr(0, place);
  const std::string_view after = pattern.substr(place + kPlace.size());
  if (path.size() <= before.size() + after.size() || path.substr(0, before.size()) != before ||
      path.substr(path.size() - after.size()) != after) {
    return std::nullopt;
  }
  const std::string_view id =
      path.substr(before.size(), path.size() - before.size() - after.size());
  if (id.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(id);
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler) {
  routes_.push_back({std::move(method), std::move(pattern), std::move(handler)});
}

HttpResponse Router::route(const HttpRequest& request) const {
  std::string allowed;
  for (const Route& route : routes_) {
    const auto id = match(route.pattern, request.path);
    if (!id) continue;
    if (route.method == request.method) return route.handler(request, *id);
    allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  const std::string path = toValidUtf8(request.path);
  if (allowed.empty()) throw Problem(404, "there is nothing at " + path);
  throw Problem(405, path + " can be called with " + allowed + " only").with("Allow", allowed);
}

std::vector<std::pair<std::string, std::string>> Router::routes() const {
  std::vector<std::pair<std::string, std::string>> result;
  result.reserve(routes_.size());
  for (const Route& route : routes_) result.emplace_back(route.method, route.pattern);
  return result;
}

}  // namespace dormouse

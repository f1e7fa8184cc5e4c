// Version 1 of the control API: which call does what.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/http_message.h"
#include "common/metrics.h"
#include "common/router.h"
#include "common/tokens.h"
#include "control/audit.h"
#include "mirror/mirror_service.h"

namespace dormouse::control {

/// Turns requests into calls of the service and results into JSON. Any thread may call handle().
class ControlApi {
 public:
  /// REQUIRES: all outlive the object.
  ControlApi(mirror::MirrorService& service, Tokens& tokens, Metrics& metrics, Audit& audit);

  /// Everything but GET /healthz needs a token, paths that do not exist too: nobody without one
  /// learns what is here. Throws Problem.
  HttpResponse handle(HttpRequest& request);

  /// Method and pattern of each call, as the OpenAPI document must describe them.
  std::vector<std::pair<std::string, std::string>> routes() const { return router_.routes(); }

 private:
  void addRoutes();
  HttpResponse createPush(const HttpRequest& request);
  HttpResponse stream(const HttpRequest& request);
  HttpResponse end(const HttpRequest& request, const std::string& id);
  HttpResponse endAll(const HttpRequest& request);

  mirror::MirrorService& service_;
  Tokens& tokens_;
  Metrics& metrics_;
  Audit& audit_;
  Router router_;
};

/// The OpenAPI 3.1 description of the calls, as JSON.
std::string openApiDocument();

}  // namespace dormouse::control

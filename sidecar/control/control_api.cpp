#include "control/control_api.h"

#include <memory>

#include "common/query.h"
#include "common/utf8.h"
#include "control/report.h"
#include "mirror/report.h"

namespace dormouse::control {
namespace {

HttpResponse json(const Poco::JSON::Object::Ptr& object, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = mirror::toText(*object);
  return response;
}

HttpResponse text(std::string contentType, std::string body) {
  HttpResponse response;
  response.contentType = std::move(contentType);
  response.body = std::move(body);
  return response;
}

const char* contentType(wire::Format format) {
  switch (format) {
    case wire::Format::kFrames:
      return "application/vnd.dormouse.frames";
    case wire::Format::kPcap:
      return "application/vnd.tcpdump.pcap";
    case wire::Format::kNdjson:
      return "application/x-ndjson";
    case wire::Format::kHttp:
      return "message/http";
  }
  return "application/octet-stream";
}

std::string describe(const HttpRequest& request) {
  return toValidUtf8(request.method + " " + request.path);
}

}  // namespace

ControlApi::ControlApi(mirror::MirrorService& service, Tokens& tokens, Metrics& metrics,
                       Audit& audit)
    : service_(service), tokens_(tokens), metrics_(metrics), audit_(audit) {
  addRoutes();
}

void ControlApi::addRoutes() {
  router_.add("GET", "/healthz",
              [](const HttpRequest&, const std::string&) { return text("text/plain", "ok"); });
  router_.add("GET", "/v1/status", [this](const HttpRequest&, const std::string&) {
    return json(toJson(service_.status()));
  });
  router_.add("POST", "/v1/mirrors", [this](const HttpRequest& request, const std::string&) {
    return createPush(request);
  });
  router_.add("GET", "/v1/mirrors", [this](const HttpRequest&, const std::string&) {
    return json(toJson(service_.list()));
  });
  router_.add("DELETE", "/v1/mirrors",
              [this](const HttpRequest& request, const std::string&) { return endAll(request); });
  router_.add("GET", "/v1/mirrors/{id}", [this](const HttpRequest&, const std::string& id) {
    return json(toJson(service_.find(id)));
  });
  router_.add(
      "DELETE", "/v1/mirrors/{id}",
      [this](const HttpRequest& request, const std::string& id) { return end(request, id); });
  router_.add("GET", "/v1/stream",
              [this](const HttpRequest& request, const std::string&) { return stream(request); });
  router_.add("GET", "/metrics", [this](const HttpRequest&, const std::string&) {
    return text(Metrics::kContentType, metrics_.render());
  });
  router_.add("GET", "/openapi.json", [](const HttpRequest&, const std::string&) {
    return text("application/json", openApiDocument());
  });
}

HttpResponse ControlApi::handle(HttpRequest& request) {
  if (request.method == "GET" && request.path == "/healthz") return router_.route(request);
  try {
    request.principal = tokens_.authenticate(request.header("Authorization"));
  } catch (const Problem& problem) {
    audit_.intrusion(request.peer, describe(request), problem);
    throw;
  }
  try {
    return router_.route(request);
  } catch (const wire::SpecError& error) {
    const Problem problem(400, error.what(), error.key());
    audit_.refusal(request.principal, describe(request), problem);
    throw problem;
  } catch (const Problem& problem) {
    audit_.refusal(request.principal, describe(request), problem);
    throw;
  }
}

HttpResponse ControlApi::createPush(const HttpRequest& request) {
  const mirror::MirrorReport report =
      service_.createPush(request.principal, wire::parsePushSpec(request.body));
  HttpResponse response = json(toJson(report), 201);
  response.headers.emplace_back("Location", "/v1/mirrors/" + report.id);
  return response;
}

HttpResponse ControlApi::stream(const HttpRequest& request) {
  const wire::MirrorSpec spec = wire::parseStreamSpec(parseQuery(request.query));
  // Shared, because a std::function must be copyable. If the head cannot be sent, the function is
  // destroyed uncalled, the pending stream with it, and the mirror ends.
  const std::shared_ptr<mirror::PendingStream> pending =
      service_.openStream(request.principal, spec);
  HttpResponse response;
  response.contentType = contentType(spec.format);
  response.headers.emplace_back("Dormouse-Mirror", pending->id());
  response.headers.emplace_back("Cache-Control", "no-store");
  response.takeSocket = [pending](std::unique_ptr<StreamSocket> socket) {
    pending->start(std::move(socket));
  };
  return response;
}

HttpResponse ControlApi::end(const HttpRequest& request, const std::string& id) {
  return json(toJson(service_.end(request.principal, id)));
}

HttpResponse ControlApi::endAll(const HttpRequest& request) {
  return json(toJson(service_.endAll(request.principal)));
}

}  // namespace dormouse::control

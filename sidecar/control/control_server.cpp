#include "control/control_server.h"

#include <prometheus/counter.h>

namespace dormouse::control {
namespace {

// A scrape is small and rare; one or two scrapers are all that is served at a time.
constexpr int kMetricsThreads = 4;

}  // namespace

ControlServer::ControlServer(const ResolvedControlOptions& options, mirror::MirrorService& service,
                             Metrics& metrics, Audit& audit, const Clock& clock, const Log& log)
    : tokens_(options.tokens, clock, log),
      api_(service, tokens_, metrics, audit),
      answers_(prometheus::BuildCounter()
                   .Name("dormouse_control_answers_total")
                   .Help("Answers of the control API by status code.")
                   .Register(metrics.registry())),
      serviceMetrics_(std::make_shared<ServiceMetrics>(service)),
      tls_(options.tls ? std::make_unique<TlsFiles>(options.tlsCert, options.tlsKey, log)
                       : nullptr),
      server_(
          serverOptions(options), [this](HttpRequest& request) { return api_.handle(request); },
          log, watchdog_) {
  if (tls_) tls_->context();  // A certificate that cannot be used ends the start, not a request.
  metrics.add(serviceMetrics_);
  if (!options.metricsListen) return;
  metricsRouter_.add("GET", "/metrics", [&metrics](const HttpRequest&, const std::string&) {
    HttpResponse response;
    response.contentType = Metrics::kContentType;
    response.body = metrics.render();
    return response;
  });
  HttpServerOptions metricsOptions;
  metricsOptions.listen = *options.metricsListen;
  metricsOptions.maxThreads = kMetricsThreads;
  metricsOptions.idleAfter = std::chrono::minutes(2);  // Prometheus keeps its connection.
  metricsServer_ = std::make_unique<HttpServer>(
      std::move(metricsOptions),
      [this](HttpRequest& request) { return metricsRouter_.route(request); }, log, watchdog_);
}

ControlServer::~ControlServer() {
  stop();
}

HttpServerOptions ControlServer::serverOptions(const ResolvedControlOptions& options) {
  HttpServerOptions result;
  result.listen = options.listen;
  if (tls_) result.tls = [this] { return tls_->context(); };
  result.onAnswer = [this](int status) {
    answers_.Add({{"code", std::to_string(status)}}).Increment();
  };
  return result;
}

void ControlServer::start() {
  server_.start();
  if (metricsServer_) metricsServer_->start();
}

void ControlServer::stop() {
  server_.stop();
  if (metricsServer_) metricsServer_->stop();
}

}  // namespace dormouse::control

// The control API on its socket, and the metrics on theirs.
#pragma once

#include <cstdint>
#include <memory>

#include "common/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/tls.h"
#include "common/tokens.h"
#include "common/watchdog.h"
#include "control/audit.h"
#include "control/control_api.h"
#include "control/control_options.h"
#include "control/service_metrics.h"
#include "mirror/mirror_service.h"

namespace dormouse::control {

/// Owned by the wiring. start() and stop() on one thread.
class ControlServer {
 public:
  /// REQUIRES: all references outlive the object. Throws std::runtime_error with a sentence if the
  /// certificate or key cannot be used.
  ControlServer(const ResolvedControlOptions& options, mirror::MirrorService& service,
                Metrics& metrics, Audit& audit, const Clock& clock, const Log& log);
  ~ControlServer();

  /// Listens; ports that are taken are tried again in the background.
  void start();
  /// Ends all connections within a second and waits for calls that run. Streams that were handed to
  /// the service go on: the service ends those.
  void stop();

  /// 0 while not bound, or for metrics without a port of their own.
  std::uint16_t boundPort() const { return server_.boundPort(); }
  std::uint16_t boundMetricsPort() const {
    return metricsServer_ ? metricsServer_->boundPort() : 0;
  }

 private:
  HttpServerOptions serverOptions(const ResolvedControlOptions& options);

  Tokens tokens_;
  ControlApi api_;
  prometheus::Family<prometheus::Counter>& answers_;
  const std::shared_ptr<ServiceMetrics> serviceMetrics_;
  std::unique_ptr<TlsFiles> tls_;  // Only with --tls-cert.
  Watchdog watchdog_;
  HttpServer server_;
  Router metricsRouter_;
  std::unique_ptr<HttpServer> metricsServer_;  // Only with --metrics-listen.
};

}  // namespace dormouse::control

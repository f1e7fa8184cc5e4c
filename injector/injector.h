// The wiring: everything the program is made of, built once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/router.h"
#include "common/watchdog.h"
#include "injector/certificates/certificate_keeper.h"
#include "injector/certificates/file_certificate.h"
#include "injector/certificates/server_certificate.h"
#include "injector/missed_pods.h"
#include "injector/native_sidecars.h"
#include "injector/options.h"
#include "injector/periodic.h"
#include "injector/review_handler.h"
#include "injector/token_secrets.h"

namespace dormouse::injector {

/// The running injector. Built, started and stopped on one thread.
class Injector {
 public:
  /// The references outlive the object. Throws std::invalid_argument for a URL that is none.
  Injector(const CommandLine& line, const Clock& clock, const Log& log);
  ~Injector();
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  /// Serves, and keeps certificates and Secrets, until stop().
  void start();
  /// Not ready any more; still answers, and lets connections go with each answer.
  void drain();
  /// Ends all connections and threads. Idempotent.
  void stop();

  std::uint16_t port() const { return reviews_->boundPort(); }
  std::uint16_t healthPort() const { return health_->boundPort(); }
  /// Why reviews cannot be answered; empty if they can.
  std::string whyNotReady() const;

 private:
  void makeCertificates();
  void makeServers();
  void makeGauges();

  const CommandLine& line_;
  const Clock& clock_;
  const Log& log_;
  Metrics metrics_;
  ReviewMetrics reviewMetrics_{metrics_};
  std::shared_ptr<prometheus::Collectable> gauges_;
  const std::unique_ptr<KubeApi> api_;  // Null: none.
  NativeSidecars native_;
  ServerCertificate certificate_;
  std::unique_ptr<CertificateKeeper> keeper_;  // One of the two, by the mode.
  std::unique_ptr<FileCertificate> files_;
  std::unique_ptr<TokenSecrets> tokens_;
  std::unique_ptr<MissedPods> missed_;
  ReviewHandler handler_;
  Router reviewRoutes_;
  Router healthRoutes_;
  Watchdog watchdog_;
  std::unique_ptr<HttpServer> reviews_;
  std::unique_ptr<HttpServer> health_;
  std::atomic<bool> draining_{false};
  std::vector<std::unique_ptr<Periodic>> work_;  // The last member: it uses all the others.
};

}  // namespace dormouse::injector

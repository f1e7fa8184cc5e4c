#include "injector/injector.h"

#include "injector/health.h"

namespace dormouse::injector {
namespace {

constexpr auto kCertificateInterval = std::chrono::seconds(15);
constexpr auto kFileInterval = std::chrono::seconds(2);
constexpr auto kTokenInterval = std::chrono::seconds(60);
constexpr auto kMissedInterval = std::chrono::seconds(60);
constexpr auto kVersionInterval = std::chrono::minutes(10);  // The cluster may be upgraded.
constexpr int kHealthConnections = 16;
constexpr std::size_t kLargeBodies = 16 << 20;

std::unique_ptr<KubeApi> makeApi(const RestClientOptions& options) {
  if (options.url.empty()) return nullptr;
  return std::make_unique<RestClient>(options);
}

}  // namespace

Injector::Injector(const CommandLine& line, const Clock& clock, const Log& log)
    : line_(line),
      clock_(clock),
      log_(log),
      api_(makeApi(line.kube)),
      native_(line.native, api_.get(), log),
      handler_({line.injection, line.selection, [this] { return native_.supported(); },
                reviewMetrics_, clock, log}) {
  makeCertificates();
  if (!line.tokenSecrets.empty()) {
    tokens_ = std::make_unique<TokenSecrets>(line.tokenSecrets, *api_, log);
  }
  if (line.missedPods) missed_ = std::make_unique<MissedPods>(line.selection, *api_, log);
  makeServers();
  makeGauges();
}

Injector::~Injector() {
  stop();
}

void Injector::makeCertificates() {
  const auto serve = [this](const CertificateAndKey& pair) { certificate_.set(pair); };
  if (line_.certificateMode == CertificateMode::kFiles) {
    files_ = std::make_unique<FileCertificate>(line_.certificateFile, line_.keyFile, clock_, log_,
                                               serve);
    return;
  }
  KeeperOptions options;
  options.space = line_.selection.ownNamespace;
  options.secret = line_.caSecret;
  options.webhookConfiguration = line_.webhookConfiguration;
  options.names = line_.serverNames;
  keeper_ = std::make_unique<CertificateKeeper>(options, *api_, clock_, log_, serve);
}

void Injector::makeServers() {
  handler_.addTo(reviewRoutes_);
  HttpServerOptions reviews;
  reviews.listen = line_.listen;
  reviews.limits.bodyBytes = ReviewHandler::kMostBytes;
  reviews.largeBodies = kLargeBodies;
  // API servers keep idle connections for 90 s; closing one first would hit the next review.
  reviews.idleAfter = std::chrono::seconds(100);
  reviews.maxThreads = line_.maxConnections;
  reviews.tls = [this] { return certificate_.context(); };
  reviews_ = std::make_unique<HttpServer>(
      reviews, [this](const HttpRequest& request) { return reviewRoutes_.route(request); }, log_,
      watchdog_);

  addHealth(healthRoutes_, [this] { return whyNotReady(); }, metrics_);
  HttpServerOptions health;
  health.listen = line_.healthListen;
  health.limits.bodyBytes = 1024;
  health.maxThreads = kHealthConnections;
  health_ = std::make_unique<HttpServer>(
      health, [this](const HttpRequest& request) { return healthRoutes_.route(request); }, log_,
      watchdog_);
}

void Injector::makeGauges() {
  constexpr const char* kExpiry = "dormouse_injector_certificate_expiry_timestamp_seconds";
  constexpr const char* kExpiryHelp = "When a certificate ends, in seconds since 1970";
  const auto unlessZero = [](std::int64_t value) { return value == 0 ? -1 : value; };
  std::vector<Gauge> gauges;
  gauges.push_back({kExpiry, kExpiryHelp, {"certificate", "leaf"}, [this, unlessZero] {
                      return unlessZero(keeper_ ? keeper_->leafExpiry() : files_->expiry());
                    }});
  gauges.push_back({kExpiry, kExpiryHelp, {"certificate", "ca"}, [this, unlessZero] {
                      return unlessZero(keeper_ ? keeper_->authorityExpiry() : 0);
                    }});
  if (missed_) {
    gauges.push_back(
        {"dormouse_injector_missed_pods", "Opted-in pods that run without the agent", {}, [this] {
           return missed_->count();
         }});
  }
  gauges_ = injector::makeGauges(std::move(gauges));
  metrics_.add(gauges_);
}

void Injector::start() {
  const auto repeat = [this](Nanos interval, std::function<bool()> step) {
    work_.push_back(std::make_unique<Periodic>(interval, std::move(step)));
  };
  health_->start();
  repeat(kVersionInterval, [this] { return native_.step(); });
  if (keeper_) repeat(kCertificateInterval, [this] { return keeper_->step(); });
  if (files_) repeat(kFileInterval, [this] { return files_->step(); });
  if (tokens_) repeat(kTokenInterval, [this] { return tokens_->step(); });
  if (missed_) repeat(kMissedInterval, [this] { return missed_->step(); });
  reviews_->start();
}

void Injector::drain() {
  draining_ = true;
  reviews_->drain();
}

void Injector::stop() {
  draining_ = true;
  reviews_->stop();
  work_.clear();
  health_->stop();
}

std::string Injector::whyNotReady() const {
  if (draining_) return "the injector is about to end";
  if (!native_.asked()) return "the API server's version is not known yet";
  if (reviews_->boundPort() == 0) return "the port for reviews is taken";
  if (keeper_) return keeper_->ready() ? "" : "API servers do not accept the certificate yet";
  return files_->ready() ? "" : "the certificate's files cannot be used, or it has expired";
}

}  // namespace dormouse::injector

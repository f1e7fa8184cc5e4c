#include "injector/health.h"

#include "common/problem.h"

namespace dormouse::injector {
namespace {

HttpResponse text(std::string body, const char* type = "text/plain; charset=utf-8") {
  HttpResponse response;
  response.contentType = type;
  response.body = std::move(body);
  return response;
}

class Gauges final : public prometheus::Collectable {
 public:
  explicit Gauges(std::vector<Gauge> gauges) : gauges_(std::move(gauges)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const Gauge& gauge : gauges_) {
      const std::int64_t value = gauge.value();
      if (value < 0) continue;
      if (families.empty() || families.back().name != gauge.name) {
        families.push_back({gauge.name, gauge.help, prometheus::MetricType::Gauge, {}});
      }
      prometheus::ClientMetric metric;
      if (!gauge.label.first.empty()) {
        metric.label.push_back({gauge.label.first, gauge.label.second});
      }
      metric.gauge.value = static_cast<double>(value);
      families.back().metric.push_back(metric);
    }
    return families;
  }

 private:
  const std::vector<Gauge> gauges_;
};

}  // namespace

void addHealth(Router& router, std::function<std::string()> whyNot, const Metrics& metrics) {
  router.add("GET", "/healthz", [](const HttpRequest&, const std::string&) { return text("ok"); });
  router.add("GET", "/readyz",
             [whyNot = std::move(whyNot)](const HttpRequest&, const std::string&) {
               const std::string cause = whyNot();
               if (!cause.empty()) throw Problem(503, cause);
               return text("ok");
             });
  router.add("GET", "/metrics", [&metrics](const HttpRequest&, const std::string&) {
    return text(metrics.render(), Metrics::kContentType);
  });
}

std::shared_ptr<prometheus::Collectable> makeGauges(std::vector<Gauge> gauges) {
  return std::make_shared<Gauges>(std::move(gauges));
}

}  // namespace dormouse::injector

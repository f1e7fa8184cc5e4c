#include "injector/review_metrics.h"

#include <prometheus/histogram.h>

namespace dormouse::injector {

ReviewMetrics::ReviewMetrics(Metrics& metrics) {
  auto& reviews = prometheus::BuildCounter()
                      .Name("dormouse_injector_reviews_total")
                      .Help("Admission reviews by what came of them")
                      .Register(metrics.registry());
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    reviews_.at(i) = &reviews.Add({{"result", resultOf(outcome)}, {"reason", reasonOf(outcome)}});
  }
  duration_ = &prometheus::BuildHistogram()
                   .Name("dormouse_injector_review_duration_seconds")
                   .Help("Time from a complete review to its complete answer")
                   .Register(metrics.registry())
                   .Add({}, prometheus::Histogram::BucketBoundaries{
                                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3});
}

void ReviewMetrics::count(Outcome outcome, Nanos took) {
  reviews_.at(static_cast<std::size_t>(outcome))->Increment();
  duration_->Observe(std::chrono::duration<double>(took).count());
}

}  // namespace dormouse::injector

// Reviews over HTTP.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "common/clock.h"
#include "common/http_message.h"
#include "common/log.h"
#include "common/router.h"
#include "injector/decision.h"
#include "injector/review_metrics.h"

namespace dormouse::injector {

/// What a handler of reviews is made of. The references outlive it.
struct ReviewHandlerParts {
  const InjectionSettings& settings;
  const SelectionSettings& selection;
  std::function<bool()> nativeSidecars;  // What the cluster can do, at that moment. Any thread.
  ReviewMetrics& metrics;
  const Clock& clock;
  const Log& log;
};

/// Serves POST /mutate/{privileged|baseline|restricted}. Any thread may call.
class ReviewHandler {
 public:
  /// Of a request; a pod of the API server is far below.
  static constexpr std::size_t kMostBytes = 8 << 20;

  explicit ReviewHandler(ReviewHandlerParts parts) : parts_(std::move(parts)) {}

  /// Adds its route; the handler must outlive the router.
  void addTo(Router& router);

  /// Throws Problem: 404 for another profile, 415, 400 if there is nothing that could be answered.
  /// Everything else is an answer that lets the pod in.
  HttpResponse handle(const HttpRequest& request, const std::string& profile);

 private:
  Decision decideSafely(const Review& review, Profile profile) const;
  HttpResponse respond(const HttpRequest& request, Profile profile);

  const ReviewHandlerParts parts_;
  std::mutex large_;  // Held while a large review is worked on: memory for one at a time.
};

}  // namespace dormouse::injector

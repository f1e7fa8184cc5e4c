// An admission review as the API server sends it (admission.k8s.io/v1, AdmissionReview).
#pragma once

#include <string>
#include <string_view>

#include "injector/json.h"

namespace dormouse::injector {

/// The request of a review. Format: k8s.io/api/admission/v1/types.go.
struct Review {
  std::string apiVersion;  // As it was sent; the answer carries it too.
  std::string uid;         // 1 to 256 bytes.
  /// Why the rest cannot be understood, as a sentence; then the members below are not to be used.
  std::string fault;
  std::string operation;  // "CREATE"
  std::string resource;   // "pods", or "pods/" and the subresource, with its group if it has one.
  std::string namespaceName;  // Empty if the review does not say.
  bool dryRun = false;
  JsonObject object;  // The pod. Not null.
};

/// Reads what came over the wire. Throws std::invalid_argument with a sentence if it is not an
/// object of JSON, or has no usable uid: such a review cannot be answered. Whatever else is wrong
/// with it becomes its `fault`, because the pod must be let in.
Review parseReview(std::string_view text);

}  // namespace dormouse::injector

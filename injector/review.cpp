#include "injector/review.h"

#include <stdexcept>

#include "common/quote.h"

namespace dormouse::injector {
namespace {

constexpr const char* kApiVersion = "admission.k8s.io/v1";
constexpr std::size_t kMostUid = 256;

// {"group":"apps","version":"v1","resource":"deployments"} as "deployments.apps".
std::string resourceName(const JsonObject& request) {
  const JsonObject resource = objectMember(request, "resource");
  std::string name = stringMember(resource, "resource").value_or("");
  const std::string group = stringMember(resource, "group").value_or("");
  if (!group.empty()) name += "." + group;
  const std::string sub = stringMember(request, "subResource").value_or("");
  return sub.empty() ? name : name + "/" + sub;
}

void readRequest(Review& review, const JsonObject& document, const JsonObject& request) {
  const std::string kind = stringMember(document, "kind").value_or("");
  if (review.apiVersion != kApiVersion || kind != "AdmissionReview") {
    throw std::invalid_argument("an AdmissionReview of " + std::string(kApiVersion) +
                                " is wanted, this is " + inQuotes(kind) + " of " +
                                inQuotes(review.apiVersion));
  }
  review.operation = stringMember(request, "operation").value_or("");
  review.resource = resourceName(request);
  review.namespaceName = stringMember(request, "namespace").value_or("");
  review.dryRun = boolMember(request, "dryRun").value_or(false);
  review.object = objectMember(request, "object");
  if (review.object.isNull()) throw std::invalid_argument("the request has no \"object\"");
}

}  // namespace

Review parseReview(std::string_view text) {
  const JsonObject document = parseObject(text);
  const JsonObject request = objectMember(document, "request");
  if (request.isNull()) throw std::invalid_argument("the review has no \"request\"");
  Review review;
  review.uid = stringMember(request, "uid").value_or("");
  if (review.uid.empty() || review.uid.size() > kMostUid) {
    throw std::invalid_argument("the request's \"uid\" is missing, empty or too long");
  }
  try {
    review.apiVersion = stringMember(document, "apiVersion").value_or("");
    readRequest(review, document, request);
  } catch (const std::invalid_argument& error) {
    review.fault = error.what();
  }
  if (review.apiVersion.rfind("admission.k8s.io/", 0) != 0 || review.apiVersion.size() > 64) {
    review.apiVersion = kApiVersion;
  }
  return review;
}

}  // namespace dormouse::injector

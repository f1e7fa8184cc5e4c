#include "injector/review_handler.h"

#include <Poco/Net/MediaType.h>

#include <stdexcept>

#include "common/problem.h"

namespace dormouse::injector {
namespace {

// Parsed JSON takes many times the room of its text.
constexpr std::size_t kLargeBytes = 256 << 10;

Profile parseProfile(const std::string& name) {
  for (const Profile profile : {Profile::kPrivileged, Profile::kBaseline, Profile::kRestricted}) {
    if (name == toText(profile)) return profile;
  }
  throw Problem(404, "the path ends with privileged, baseline or restricted");
}

void checkContentType(const HttpRequest& request) {
  const std::string& text = request.header("Content-Type");
  if (!text.empty() && Poco::Net::MediaType(text).matches("application", "json")) return;
  throw Problem(415, "a review is sent as application/json");
}

std::string nameOf(const Review& review) {
  try {
    const JsonObject metadata = objectMember(review.object, "metadata");
    const auto name = stringMember(metadata, "name");
    return name ? *name : stringMember(metadata, "generateName").value_or("");
  } catch (const std::invalid_argument&) {
    return "";
  }
}

}  // namespace

void ReviewHandler::addTo(Router& router) {
  router.add("POST", "/mutate/{id}", [this](const HttpRequest& request, const std::string& id) {
    return handle(request, id);
  });
}

HttpResponse ReviewHandler::handle(const HttpRequest& request, const std::string& profileName) {
  const Profile profile = parseProfile(profileName);
  checkContentType(request);
  std::unique_lock lock(large_, std::defer_lock);
  if (request.body.size() > kLargeBytes) lock.lock();
  return respond(request, profile);
}

HttpResponse ReviewHandler::respond(const HttpRequest& request, Profile profile) {
  const TimePoint began = parts_.clock.now();
  Review review;
  try {
    review = parseReview(request.body);
  } catch (const std::invalid_argument& error) {
    throw Problem(400, error.what());
  }
  const Decision decision = decideSafely(review, profile);
  HttpResponse response;
  response.body = toAnswer(review, decision);
  parts_.metrics.count(decision.outcome, parts_.clock.now() - began);

  const bool failed = std::string_view(resultOf(decision.outcome)) == "error";
  const LogLevel level = failed                                   ? LogLevel::kWarn
                         : decision.outcome == Outcome::kInjected ? LogLevel::kInfo
                                                                  : LogLevel::kDebug;
  parts_.log.write(level, "review",
                   {{"result", resultOf(decision.outcome)},
                    {"reason", reasonOf(decision.outcome)},
                    {"namespace", review.namespaceName},
                    {"pod", nameOf(review)},
                    {"profile", toText(profile)},
                    {"dryRun", review.dryRun},
                    {"uid", review.uid},
                    {"warnings", static_cast<int>(decision.warnings.size())}});
  return response;
}

Decision ReviewHandler::decideSafely(const Review& review, Profile profile) const {
  try {
    return decide(review, {profile, parts_.nativeSidecars()}, parts_.selection, parts_.settings);
  } catch (const std::exception& error) {
    parts_.log.error("a review failed",
                     {{"uid", review.uid}, {"cause", std::string(error.what())}});
    return internalError();
  }
}

}  // namespace dormouse::injector

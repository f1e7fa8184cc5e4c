#include "injector/decision.h"

#include <Poco/Exception.h>

#include <stdexcept>
#include <utility>

#include "injector/base64.h"

namespace dormouse::injector {
namespace {

constexpr std::size_t kMostWarning = 256;  // The API server cuts longer ones off.
constexpr const char* kMirrorPodAnnotation = "kubernetes.io/config.mirror";

// The namespace and the label: what the webhook configuration's selectors check as well.
std::optional<Outcome> unselected(const Review& review, const Pod& pod,
                                  const SelectionSettings& selection) {
  if (review.operation != "CREATE" || review.resource != "pods") return Outcome::kNotPodCreation;
  const std::string& space =
      review.namespaceName.empty() ? pod.namespaceName() : review.namespaceName;
  if (!space.empty() && space == selection.ownNamespace) return Outcome::kOwnNamespace;
  if (space.rfind("kube-", 0) == 0 || selection.excludedNamespaces.count(space) != 0) {
    return Outcome::kExcludedNamespace;
  }
  if (pod.annotation(kMirrorPodAnnotation) != nullptr) return Outcome::kMirrorPod;
  const std::string* label = pod.label(kInjectLabel);
  if (label != nullptr && *label == "false") return Outcome::kOptedOut;
  if (!selection.allPods && (label == nullptr || *label != "true")) return Outcome::kNotSelected;
  return std::nullopt;
}

// What makes a selected pod unfit.
std::optional<Outcome> unfit(const Pod& pod, const Surroundings& surroundings) {
  if (pod.hasSidecar()) return Outcome::kAlreadyInjected;
  if (pod.hostNetwork()) return Outcome::kHostNetwork;
  if (pod.windows()) return Outcome::kWindows;
  if (surroundings.profile == Profile::kRestricted) return Outcome::kRestricted;
  if (pod.runsToCompletion() && !surroundings.nativeSidecars) return Outcome::kRunToCompletion;
  return std::nullopt;
}

// Why the pod has no sidecar although it asked for one; empty where nobody needs to be told.
std::string sentenceFor(Outcome outcome, const Pod& pod) {
  switch (outcome) {
    case Outcome::kHostNetwork:
      return "it uses the node's network, whose traffic is not its own";
    case Outcome::kWindows:
      return "it runs on Windows";
    case Outcome::kRunToCompletion:
      return "it runs to completion, and without native sidecars (Kubernetes 1.29) it would not "
             "end";
    case Outcome::kRestricted:
      return "the namespace enforces the Pod Security level restricted; use an ephemeral container "
             "or a node Job";
    case Outcome::kAlreadyInjected:
      if (pod.annotation(kStatusAnnotation) != nullptr) return "";
      return "it has a container named dormouse of its own";
    default:
      return "";
  }
}

// Container names and the like come from outside; a warning goes into an HTTP header.
std::string printable(std::string text) {
  if (text.size() > kMostWarning) text.resize(kMostWarning);
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

Decision decideAboutPod(const Review& review, const Surroundings& surroundings,
                        const SelectionSettings& selection, const InjectionSettings& settings) {
  Decision decision;
  if (review.resource != "pods") {
    decision.outcome = Outcome::kNotPodCreation;
    return decision;
  }
  const Pod pod(review.object);
  if (const auto outcome = unselected(review, pod, selection)) {
    decision.outcome = *outcome;
    return decision;
  }
  if (const auto outcome = unfit(pod, surroundings)) {
    decision.outcome = *outcome;
    const std::string sentence = sentenceFor(*outcome, pod);
    if (!sentence.empty()) {
      decision.warnings.push_back("dormouse: the pod gets no sidecar: " + sentence);
    }
    if (*outcome == Outcome::kRestricted) decision.patch = markSkipped(pod, reasonOf(*outcome));
    return decision;
  }
  const Mode mode = surroundings.nativeSidecars ? Mode::kNative : Mode::kPlain;
  Injection injection = inject(pod, surroundings.profile, mode, settings);
  decision.outcome = Outcome::kInjected;
  decision.patch = std::move(injection.patch);
  decision.warnings = std::move(injection.warnings);
  return decision;
}

}  // namespace

const char* resultOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kInjected:
      return "injected";
    case Outcome::kNotUnderstood:
    case Outcome::kInternalError:
      return "error";
    default:
      return "skipped";
  }
}

const char* reasonOf(Outcome outcome) {
  constexpr std::array<const char*, kOutcomes> kReasons = {"",
                                                           "not-pod-creation",
                                                           "excluded-namespace",
                                                           "own-namespace",
                                                           "mirror-pod",
                                                           "opted-out",
                                                           "not-selected",
                                                           "already-injected",
                                                           "host-network",
                                                           "windows",
                                                           "run-to-completion",
                                                           "restricted",
                                                           "not-understood",
                                                           "internal-error"};
  return kReasons.at(static_cast<std::size_t>(outcome));
}

Decision decide(const Review& review, const Surroundings& surroundings,
                const SelectionSettings& selection, const InjectionSettings& settings) {
  Decision decision;
  try {
    if (!review.fault.empty()) throw std::invalid_argument(review.fault);
    decision = decideAboutPod(review, surroundings, selection, settings);
  } catch (const std::invalid_argument& error) {
    decision = {};
    decision.outcome = Outcome::kNotUnderstood;
    decision.warnings.push_back(
        std::string("dormouse: the pod gets no sidecar, the review is not understood: ") +
        error.what());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return internalError();
  }
  for (std::string& warning : decision.warnings) warning = printable(std::move(warning));
  return decision;
}

Decision internalError() {
  Decision decision;
  decision.outcome = Outcome::kInternalError;
  decision.warnings.emplace_back(
      "dormouse: the pod gets no sidecar: the injector failed, its log says why");
  return decision;
}

std::string toAnswer(const Review& review, const Decision& decision) {
  JsonObject response = newObject();
  response->set("uid", review.uid);
  response->set("allowed", true);
  if (decision.patch && !decision.patch->empty()) {
    response->set("patchType", "JSONPatch");
    response->set("patch", encodeBase64(decision.patch->toText()));
  }
  if (!decision.warnings.empty()) {
    JsonArray warnings = newArray();
    for (const std::string& warning : decision.warnings) warnings->add(warning);
    response->set("warnings", warnings);
  }
  // The API server puts the webhook's name and a '/' before each key.
  JsonObject audit = newObject();
  audit->set("result", resultOf(decision.outcome));
  if (decision.outcome != Outcome::kInjected) audit->set("reason", reasonOf(decision.outcome));
  response->set("auditAnnotations", audit);
  JsonObject answer = newObject();
  answer->set("apiVersion", review.apiVersion);
  answer->set("kind", "AdmissionReview");
  answer->set("response", response);
  return toText(answer);
}

}  // namespace dormouse::injector

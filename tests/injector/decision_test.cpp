#include "injector/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "injector/base64.h"
#include "tests/injector/support/pods.h"

namespace dormouse::injector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Surroundings kBaselineNative{Profile::kBaseline, true};

Decision decideOn(const std::string& review, const SelectionSettings& selection = {}) {
  return decide(parseReview(review), kBaselineNative, selection, testSettings());
}

TEST(ReviewTest, NeedsAUid) {
  for (const char* text :
       {"{}", R"({"request":null})", R"({"request":{}})", R"({"request":{"uid":""}})",
        R"({"request":{"uid":5}})", R"({"request":[]})", "[]", "not JSON"}) {
    EXPECT_THROW(parseReview(text), std::invalid_argument) << text;
  }
  EXPECT_THROW(parseReview(R"({"request":{"uid":")" + std::string(257, 'x') + R"("}})"),
               std::invalid_argument);
}

TEST(ReviewTest, WithAUidEveryFaultBecomesASentence) {
  const std::pair<const char*, const char*> kFaults[] = {
      {R"({"request":{"uid":"u"}})", "AdmissionReview"},
      {R"({"apiVersion":7,"request":{"uid":"u"}})", "apiVersion"},
      {R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}})",
       "object"},
      {R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","resource":[]}})",
       "resource"},
      {R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":"pod"}})",
       "object"},
      {R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","dryRun":"yes","object":{}}})",
       "dryRun"},
  };
  for (const auto& [text, word] : kFaults) {
    const Review review = parseReview(text);
    EXPECT_THAT(review.fault, HasSubstr(word));
    const Decision decision = decide(review, kBaselineNative, {}, testSettings());
    EXPECT_EQ(decision.outcome, Outcome::kNotUnderstood);
    const std::string answer = toAnswer(review, decision);
    EXPECT_THAT(answer, HasSubstr(R"("uid":"u")"));
    EXPECT_THAT(answer, HasSubstr(R"("allowed":true)"));
    EXPECT_THAT(answer, HasSubstr(R"("warnings":[)"));
    EXPECT_THAT(answer, HasSubstr(R"("apiVersion":"admission.k8s.io/v1")"));
    EXPECT_THAT(answer, Not(HasSubstr("patch")));
  }
}

TEST(DecisionTest, MalformedPodsAreLetIn) {
  for (const char* pod : {"{}", R"({"spec":[]})", R"({"metadata":[],"spec":{}})",
                          R"({"metadata":{"labels":{"a":1}},"spec":{}})",
                          R"({"spec":{"containers":{}}})", R"({"spec":{"containers":[1]}})",
                          R"({"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}})",
                          R"({"spec":{"hostNetwork":"no"}})", R"({"spec":{"volumes":"v"}})",
                          R"({"spec":{"containers":[{"resources":{"limits":{"cpu":[]}}}]}})"}) {
    const Decision decision = decideOn(reviewOf(pod));
    EXPECT_EQ(decision.outcome, Outcome::kNotUnderstood) << pod;
    EXPECT_FALSE(decision.patch) << pod;
    EXPECT_EQ(decision.warnings.size(), 1U) << pod;
  }
}

TEST(DecisionTest, TheNamespaceOfTheRequestCounts) {
  EXPECT_EQ(decideOn(reviewOf(labelledPod(), "kube-system")).outcome, Outcome::kExcludedNamespace);
  EXPECT_EQ(decideOn(reviewOf(labelledPod(), "kubeflow")).outcome, Outcome::kInjected);
  SelectionSettings selection;
  selection.ownNamespace = "dormouse";
  selection.excludedNamespaces = {"ci"};
  EXPECT_EQ(decideOn(reviewOf(labelledPod(), "dormouse"), selection).outcome,
            Outcome::kOwnNamespace);
  EXPECT_EQ(decideOn(reviewOf(labelledPod(), "ci"), selection).outcome,
            Outcome::kExcludedNamespace);
  EXPECT_EQ(decideOn(reviewOf(labelledPod(), "web"), selection).outcome, Outcome::kInjected);
}

TEST(DecisionTest, WarningsFitIntoAHeader) {
  const Decision decision = decideOn(reviewOf(
      labelledPod("", R"({"dormouse.dev/ports":"\r\nSet-Cookie: )" + std::string(2000, 'x') +
                          R"(","dormouse.dev/cpu-limit":"\u00e9"})")));
  ASSERT_EQ(decision.warnings.size(), 2U);
  for (const std::string& warning : decision.warnings) {
    EXPECT_LE(warning.size(), 256U);
    for (const char c : warning) EXPECT_TRUE(c >= 0x20 && c <= 0x7e) << warning;
  }
}

TEST(DecisionTest, EveryOutcomeHasItsNames) {
  std::set<std::string> reasons;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    reasons.insert(reasonOf(outcome));
    EXPECT_NE(std::string(resultOf(outcome)), "");
  }
  EXPECT_EQ(reasons.size(), kOutcomes);
  EXPECT_STREQ(reasonOf(Outcome::kInternalError), "internal-error");
  EXPECT_STREQ(resultOf(Outcome::kInternalError), "error");
}

TEST(DecisionTest, ADryRunIsAnsweredAlike) {
  const std::string review = reviewOf(labelledPod());
  std::string dry = review;
  dry.insert(dry.find("\"operation\""), "\"dryRun\":true,");
  EXPECT_EQ(toAnswer(parseReview(review), decideOn(review)),
            toAnswer(parseReview(dry), decideOn(dry)));
}

TEST(DecisionTest, AControlPortIsFoundInAFullPod) {
  std::string ports;
  for (int port = 4747; port <= 65535; ++port) {
    ports += (ports.empty() ? "" : ",") + ("{\"containerPort\":" + std::to_string(port) + "}");
  }
  const std::string pod =
      R"({"metadata":{"labels":{"dormouse.dev/inject":"true"}},"spec":{"containers":[{"name":"a","ports":[)" +
      ports + "]}]}}";
  const Decision decision = decideOn(reviewOf(pod));
  ASSERT_TRUE(decision.patch);
  EXPECT_THAT(decision.patch->toText(), HasSubstr("--listen=127.0.0.1:1024"));
}

}  // namespace
}  // namespace dormouse::injector

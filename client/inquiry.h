// A question to the agent of one pod, and its answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/background_task.h"
#include "client/pod_endpoint.h"

namespace dormouse::client {

/// Reaches the agent and asks it, anew after each failure that may pass, until `patience` is over.
/// To be tended after each round of the loop. Main thread only.
class Inquiry {
 public:
  /// Asks by calls of the control API, on a thread of its own; throws ControlError.
  using Question = std::function<std::string(const ControlClient& control)>;

  /// `pod`: as it was just seen. `kubectl`, `loop` and `clock` must outlive this.
  Inquiry(const Pod& pod, const AgentWish& wish, const std::string& token, Question question,
          Nanos patience, const Kubectl& kubectl, EventLoop& loop, const Clock& clock);
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  void tend();
  bool done() const { return answer_.has_value() || !trouble_.empty(); }
  /// What the question returned; nothing if it never came to that.
  const std::optional<std::string>& answer() const { return answer_; }
  /// Why there is no answer. Printable; empty as long as nothing is known.
  const std::string& trouble() const { return trouble_; }

 private:
  void ask();
  void take();
  void fail(const std::string& sentence, bool forGood);

  const Question question_;
  EventLoop& loop_;
  const Clock& clock_;
  const TimePoint deadline_;
  PodEndpoint endpoint_;
  bool opened_ = false;
  TimePoint openAt_;
  std::optional<std::string> answer_;
  std::string trouble_;
  std::string lastTrouble_;  // Of what was tried again.

  // Written by task_, read after it is done.
  struct Outcome {
    std::optional<std::string> answer;
    std::string error;
    int status = 0;
  };
  Outcome outcome_;
  std::unique_ptr<BackgroundTask> task_;  // Last: it uses the others.
};

}  // namespace dormouse::client

// Which pods of a workload come and go, as kubectl tells while it goes on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/json_splitter.h"
#include "client/kubectl.h"
#include "client/pod.h"

namespace dormouse::client {

struct PodEvent {
  bool deleted = false;
  Pod pod;
};

/// Runs `kubectl get pods --watch`, and anew, after a pause, whenever it ends; each time all pods
/// come again. Who may list pods but not watch them is told so, and the list is what is left. To be
/// tended after each round of the loop. Main thread only.
class PodWatch final : private ChildListener {
 public:
  /// `notice` is told once when watching fails, and again after it worked in between. All must
  /// outlive this.
  PodWatch(const Kubectl& kubectl, std::string selector, EventLoop& loop, const Clock& clock,
           std::function<void(const std::string&)> notice);

  /// Starts kubectl if it does not run and the pause is over.
  void tend();
  /// What has happened since the last call, in its order.
  std::vector<PodEvent> take() { return std::exchange(events_, {}); }

 private:
  void onOutput(std::string_view bytes) override;
  void onErrorOutput(std::string_view bytes) override { err_.append(bytes); }
  void onExit(int status) override;
  void fail(const std::string& sentence);

  const Kubectl& kubectl_;
  const std::string selector_;
  EventLoop& loop_;
  const Clock& clock_;
  const std::function<void(const std::string&)> notice_;
  std::vector<PodEvent> events_;
  JsonSplitter splitter_;
  BoundedText err_;
  bool ended_ = true;
  bool confused_ = false;  // It wrote something else; the rest is not read.
  bool announced_ = false;
  Nanos pause_;
  TimePoint startAt_;
  TimePoint startedAt_;
  std::unique_ptr<ChildProcess> child_;
};

/// One object of `kubectl get --output-watch-events`. Throws ObjectError.
PodEvent podEventFromText(std::string_view text);

}  // namespace dormouse::client

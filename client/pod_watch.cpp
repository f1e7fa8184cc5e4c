#include "client/pod_watch.h"

#include <algorithm>
#include <system_error>

#include "client/json_path.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostEventBytes = 4 << 20;  // A pod has at most 1.5 MiB in etcd.
constexpr std::size_t kMostErrorOutput = 16 << 10;
constexpr std::size_t kMostEvents = 10'000;
constexpr Nanos kFirstPause = std::chrono::seconds(1);
constexpr Nanos kLongestPause = std::chrono::seconds(15);
constexpr Nanos kWorked = std::chrono::seconds(30);  // A watch that lived so long did work.

}  // namespace

PodEvent podEventFromText(std::string_view text) {
  const auto object = objectFromText(text);
  const auto type = textAt(*object, {"type"}).value_or("");
  const auto pod = objectAt(*object, {"object"});
  if (!pod || (type != "ADDED" && type != "MODIFIED" && type != "DELETED")) {
    throw ObjectError("kubectl tells of something but a change of a pod");
  }
  return {type == "DELETED", podFromJson(*pod)};
}

PodWatch::PodWatch(const Kubectl& kubectl, std::string selector, EventLoop& loop,
                   const Clock& clock, std::function<void(const std::string&)> notice)
    : kubectl_(kubectl),
      selector_(std::move(selector)),
      loop_(loop),
      clock_(clock),
      notice_(std::move(notice)),
      splitter_(kMostEventBytes),
      err_(kMostErrorOutput),
      pause_(kFirstPause),
      startAt_(clock.now()) {}

void PodWatch::tend() {
  const TimePoint now = clock_.now();
  if (ended_ || confused_) child_.reset();
  if (child_ || now < startAt_) return;
  splitter_ = JsonSplitter(kMostEventBytes);
  err_ = BoundedText(kMostErrorOutput);
  ended_ = confused_ = false;
  startedAt_ = now;
  ChildListener& listener = *this;
  try {
    child_ = std::make_unique<ChildProcess>(
        kubectl_.command({"get", "pods", "--selector=" + selector_, "--watch",
                          "--output-watch-events", "--output=json"}),
        loop_, listener);
  } catch (const std::system_error& error) {
    ended_ = true;
    fail(std::string("kubectl cannot be started: ") + error.what());
  }
}

void PodWatch::onOutput(std::string_view bytes) {
  if (confused_) return;
  try {
    for (const std::string& text : splitter_.feed(bytes)) {
      if (events_.size() >= kMostEvents) throw ObjectError("kubectl tells of endless changes");
      events_.push_back(podEventFromText(text));
    }
  } catch (const std::exception& error) {
    confused_ = true;
    fail(error.what());
  }
}

void PodWatch::onExit(int status) {
  ended_ = true;
  if (confused_) return;
  const std::string said = sentenceOf(err_.text());
  // API servers end every watch after a while, which is nothing to talk about.
  if (status == 0 || clock_.now() - startedAt_ >= kWorked) {
    announced_ = false;
    pause_ = kFirstPause;
    startAt_ = clock_.now() + pause_;
    return;
  }
  fail(said.empty() ? "kubectl ended with exit code " + std::to_string(status) : said);
}

void PodWatch::fail(const std::string& sentence) {
  startAt_ = clock_.now() + pause_;
  pause_ = std::min(kLongestPause, 2 * pause_);
  if (std::exchange(announced_, true)) return;
  notice_("the pods cannot be watched (" + sentence + "); looking again every few seconds");
}

}  // namespace dormouse::client

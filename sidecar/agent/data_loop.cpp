#include "agent/data_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace dormouse::agent {

/// The eventfd that wakes the loop for a command.
class DataLoop::Wakeup final : public EventHandler {
 public:
  explicit Wakeup(DataLoop& owner) : owner_(owner), fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    owner_.loop_.add(fd_, EPOLLIN, *this);
  }
  ~Wakeup() override {
    owner_.loop_.remove(fd_);
    ::close(fd_);
  }
  void ring() { ::eventfd_write(fd_, 1); }
  void onEvents(std::uint32_t) override {
    eventfd_t count = 0;
    ::eventfd_read(fd_, &count);
    owner_.runCommands();
  }

 private:
  DataLoop& owner_;
  const int fd_;
};

DataLoop::DataLoop(const reassembly::Limits& limits, std::chrono::milliseconds batch,
                   const Clock& clock, EndedCallback ended)
    : batch_(batch),
      clock_(clock),
      ended_(std::move(ended)),
      table_(limits),
      wakeup_(std::make_unique<Wakeup>(*this)),
      thread_([this] { run(); }) {}

DataLoop::~DataLoop() {
  while (!post([this] { stopping_ = true; })) std::this_thread::yield();
  thread_.join();
}

bool DataLoop::post(Command&& command) {
  if (!commands_.push(std::move(command))) return false;
  wakeup_->ring();
  return true;
}

bool DataLoop::start(Start&& start) {
  // A command must be copyable to fit a std::function; the start itself is not.
  auto shared = std::make_shared<Start>(std::move(start));
  return post([this, shared] {
    reassembly::MirrorSlot slot = 0;
    while (std::any_of(mirrors_.begin(), mirrors_.end(),
                       [slot](const RunningMirror& other) { return other.slot() == slot; })) {
      ++slot;
    }
    const Context context{loop_, table_, ownSockets_};
    auto mirror = shared->make(context, shared->capture->linkType(), slot);
    mirrors_.emplace_back(shared->id, std::move(shared->capture), std::move(mirror), slot,
                          shared->deadline, batch_, shared->rest, loop_, clock_);
  });
}

bool DataLoop::end(const std::string& id, const std::string& because) {
  return post([this, id, because] {
    for (RunningMirror& mirror : mirrors_) {
      if (mirror.id() == id) mirror.end(because, clock_.now());
    }
  });
}

std::vector<mirror::MirrorReport> DataLoop::reports() {
  using Reports = std::vector<mirror::MirrorReport>;
  auto promise = std::make_shared<std::promise<Reports>>();
  std::future<Reports> future = promise->get_future();
  const bool posted = post([this, promise] {
    Reports reports;
    for (RunningMirror& mirror : mirrors_) reports.push_back(mirror.report());
    promise->set_value(std::move(reports));
  });
  if (!posted || future.wait_for(std::chrono::seconds(1)) != std::future_status::ready) return {};
  return future.get();
}

void DataLoop::runCommands() {
  for (Command& command : commands_.drain()) command();
}

void DataLoop::run() {
  TimePoint next = TimePoint::max();
  while (!stopping_) {
    loop_.poll(next, clock_);
    next = serve(clock_.now());
  }
}

TimePoint DataLoop::serve(TimePoint now) {
  for (RunningMirror& mirror : mirrors_) mirror.endRest(now);
  TimePoint next = table_.expire(now);
  for (auto mirror = mirrors_.begin(); mirror != mirrors_.end();) {
    const auto current = mirror++;
    next = std::min(next, current->serve(now));
    if (current->phase() == Phase::kOver) remove(current);
  }
  return next;
}

void DataLoop::remove(std::list<RunningMirror>::iterator mirror) {
  mirror::MirrorReport report = mirror->report();
  std::unique_ptr<capture::Capture> capture = mirror->takeCapture();
  mirrors_.erase(mirror);
  ended_(std::move(report), std::move(capture));
}

}  // namespace dormouse::agent

#include "client/exec_session.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "client/access.h"
#include "client/cluster.h"
#include "client/follow/notifier.h"
#include "client/follow/passed_signals.h"
#include "client/follow/ports.h"
#include "client/follow/process_tree.h"
#include "client/follow/socket_lists.h"
#include "client/pods.h"
#include "client/port_mirrors.h"

namespace dormouse::client {
namespace {

constexpr Nanos kTreeEvery = std::chrono::milliseconds(500);
constexpr Nanos kPodsAge = std::chrono::seconds(30);  // Pods looked up later are looked up anew.

follow::PortMap mapOf(const Arguments& arguments) {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  follow::PortMap map = arguments.exec.map;
  map.setKernelRange(follow::parsePortRange(text));
  return map;
}

class ExecRun final : private follow::NoticeListener {
 public:
  ExecRun(const Arguments& arguments, const Kubectl* kubectl, follow::Program& program,
          const follow::ListenFilter& filter, Display& display, const Clock& clock)
      : askedAgent_(arguments.agent),
        arguments_(arguments),
        kubectl_(kubectl),
        program_(program),
        filter_(filter),
        display_(display),
        clock_(clock),
        signals_(loop_, program.pid(), [this](int number) { onSignal(number); }),
        ports_(mapOf(arguments), arguments.exec.tcp, arguments.exec.udp),
        mirrors_(display) {}

  int run() {
    look();
    start();
    while (!status_) turn();
    signals_.release();  // From here on Ctrl-C is for us.
    mirrors_.closeAll();
    mirrors_.tend();
    while (!mirrors_.over()) turn();
    mirrors_.conclude();
    if (notifier_ && notifier_->anybodyLeft()) {
      display_.notice("processes that the program left behind run on; they are not followed");
    }
    return *status_;
  }

 private:
  void onSignal(int number) {
    if (number == SIGCHLD) {
      childChanged_ = true;
    } else {
      program_.signal(number);
    }
  }

  void onNotice(const follow::Notice& notice, std::uint64_t inode) override {
    const TimePoint now = clock_.now();
    if (inode == 0) {
      if (notice.kind == follow::Notice::Kind::kListen && !std::exchange(blind_, true)) {
        display_.notice(
            "a process of the program cannot be looked at; what it listens on is not "
            "mirrored");
      }
      return;
    }
    if (notice.kind == follow::Notice::Kind::kListen) ports_.noteListen(inode, now);
    if (notice.kind == follow::Notice::Kind::kBind) ports_.noteBind(inode, notice.port, now);
    lookAt_ = std::min(lookAt_, ports_.nextAt(now));
  }

  // Whether the program has ended; before its start, whether it is not wanted any more.
  bool isOver() {
    if (std::exchange(childChanged_, false)) status_ = program_.tend();
    return status_ || (!started_ && signals_.ended());
  }

  /// Which pods, and the token. Throws ClusterError.
  void look() {
    if (kubectl_ == nullptr) return;
    const Cluster cluster(
        *kubectl_, loop_, clock_, [this] { return isOver(); },
        [this](const std::string& sentence) { display_.notice(sentence); });
    ChosenPods chosen = choosePods(cluster, arguments_.target);
    if (chosen.selector.empty()) {
      // Said before the program starts, and not when it listens at last.
      Arguments asked = arguments_;
      asked.agent = askedAgent_;
      Access access = accessTo(chosen.pods.at(0), asked, cluster);
      arguments_.agent = std::move(access.wish);
      token_ = std::move(access.token);
      demandAgent(chosen.pods.at(0));
    } else {
      token_ = arguments_.token.empty() ? cluster.token(arguments_.secret, arguments_.as)
                                        : arguments_.token;
    }
    chosen_ = std::move(chosen);
    lookedAt_ = clock_.now();
  }

  void demandAgent(const Pod& pod) const {
    try {
      controlPortOf(pod, arguments_.agent, kubectl_->typedOptions());
    } catch (const ObjectError& error) {
      throw ClusterError(error.what());
    }
  }

  void start() {
    started_ = true;
    const follow::Program::Started started = program_.start();
    status_ = program_.tend();
    if (status_ && started.notices < 0) return;  // It was killed before.
    if (started.notices >= 0) {
      follow::NoticeListener& self = *this;
      notifier_ = std::make_unique<follow::Notifier>(started.notices, filter_.numbers, loop_, self);
      return;
    }
    tree_.emplace(program_.pid());
    lookAt_ = clock_.now();
    const std::string why = filter_.fault.empty()
                                ? std::generic_category().message(started.filterError)
                                : filter_.fault;
    display_.notice("the kernel does not tell of the program's calls (" + why +
                    "): its processes are looked at in /proc instead, twice a second");
  }

  void turn() {
    const bool more = mirrors_.readOn();
    const TimePoint look = status_ ? TimePoint::max() : lookAt_;
    loop_.poll(more ? clock_.now() : std::min(mirrors_.nextAt(), look), clock_);
    if (!isOver() && clock_.now() >= lookAt_) lookAtSockets();
    mirrors_.tend();
  }

  void lookAtSockets() {
    if (tree_) ports_.noteAll(tree_->sockets());
    for (const follow::PortChange& change : ports_.update(lists_.read())) apply(change);
    const TimePoint now = clock_.now();
    lookAt_ = tree_ ? now + kTreeEvery : ports_.nextAt(now);
  }

  void apply(const follow::PortChange& change) {
    switch (change.kind) {
      case follow::PortChange::Kind::kOpened:
        return open(change);
      case follow::PortChange::Kind::kLeftOut:
        return display_.notice(follow::nameOf(change.local) +
                               " was chosen by the kernel and is not mirrored; --map 0:PORT says "
                               "which port of the pod belongs to it");
      case follow::PortChange::Kind::kClosed:
        return mirrors_.close(change.local);
    }
  }

  void open(const follow::PortChange& change) {
    try {
      if (kubectl_ != nullptr && clock_.now() - lookedAt_ >= kPodsAge) look();
    } catch (const ClusterError& error) {
      // What was found before may serve still; if it does not, the mirror says so.
      if (!status_) display_.notice(error.what());
    }
    if (status_) return;
    try {
      mirrors_.open(change.local, std::make_unique<PortMirror>(change, arguments_, chosen_, token_,
                                                               kubectl_, loop_, clock_, display_));
    } catch (const UsageError& error) {
      display_.notice(follow::nameOf(change.local) + " is not mirrored: " + error.what());
    }
  }

  const AgentWish askedAgent_;
  Arguments arguments_;  // With the place of the agent, once that is known.
  const Kubectl* const kubectl_;
  follow::Program& program_;
  const follow::ListenFilter& filter_;
  Display& display_;
  const Clock& clock_;
  EventLoop loop_;
  follow::PassedSignals signals_;
  follow::Ports ports_;
  follow::SocketLists lists_;
  PortMirrors mirrors_;

  // What is asked of the cluster; nothing with a URL.
  ChosenPods chosen_;
  std::string token_;
  TimePoint lookedAt_;

  std::unique_ptr<follow::Notifier> notifier_;  // Or, where the kernel does not tell,
  std::optional<follow::ProcessTree> tree_;     // this.
  TimePoint lookAt_ = TimePoint::max();         // At the kernel's lists.
  bool started_ = false;                        // The program.
  bool childChanged_ = false;                   // SIGCHLD came, perhaps of a kubectl.
  bool blind_ = false;                          // Announced.
  std::optional<int> status_;                   // Of the program, once it has ended.
};

}  // namespace

int runExec(const Arguments& arguments, const Kubectl* kubectl, follow::Program& program,
            const follow::ListenFilter& filter, Display& display, const Clock& clock) {
  return ExecRun(arguments, kubectl, program, filter, display, clock).run();
}

}  // namespace dormouse::client

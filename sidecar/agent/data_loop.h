// The data thread: captures in, sinks out. Exists only while a mirror does.
#pragma once

#include <functional>
#include <future>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/running_mirror.h"
#include "capture/capture.h"
#include "common/bounded_queue.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "mirror/mirror.h"
#include "mirror/own_sockets.h"
#include "reassembly/flow_table.h"

namespace dormouse::agent {

/// Owned by the mirror manager. Commands come from any thread over a bounded queue and an eventfd;
/// the packet path takes no lock.
class DataLoop {
 public:
  /// What a mirror's maker may use; valid on the data thread.
  struct Context {
    EventLoop& loop;
    reassembly::FlowTable& table;
    mirror::OwnSockets& ownSockets;
  };
  using MirrorMaker = std::function<std::unique_ptr<mirror::Mirror>(
      const Context& context, capture::LinkType link, reassembly::MirrorSlot slot)>;

  /// A mirror to run. It ends at `deadline` with the reason "ttl".
  struct Start {
    std::string id;
    std::unique_ptr<capture::Capture> capture;
    MirrorMaker make;
    TimePoint deadline;
    Rest rest;
  };

  /// A mirror that has ended: its last report, and the capture, whose closing takes too long for
  /// the data thread. Called on the data thread.
  using EndedCallback =
      std::function<void(mirror::MirrorReport report, std::unique_ptr<capture::Capture> capture)>;

  DataLoop(const reassembly::Limits& limits, std::chrono::milliseconds batch, const Clock& clock,
           EndedCallback ended);
  /// REQUIRES: every mirror has ended (end() them first); joins the thread.
  ~DataLoop();
  DataLoop(const DataLoop&) = delete;
  DataLoop& operator=(const DataLoop&) = delete;

  /// False if the queue is full.
  bool start(Start&& start);
  /// Ends that mirror; the callback tells when it has. Unknown ids are ignored. False if the queue
  /// is full.
  bool end(const std::string& id, const std::string& because);
  /// Copies of all running mirrors' reports. Empty if the loop does not answer in a second.
  std::vector<mirror::MirrorReport> reports();

 private:
  using Command = std::function<void()>;
  bool post(Command&& command);
  void run();
  void runCommands();
  TimePoint serve(TimePoint now);
  void remove(std::list<RunningMirror>::iterator mirror);

  const std::chrono::milliseconds batch_;
  const Clock& clock_;
  const EndedCallback ended_;
  EventLoop loop_;
  reassembly::FlowTable table_;
  mirror::OwnSockets ownSockets_{clock_};
  std::list<RunningMirror> mirrors_;
  BoundedQueue<Command> commands_{256};
  bool stopping_ = false;  // Data thread only.
  class Wakeup;
  std::unique_ptr<Wakeup> wakeup_;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace dormouse::agent

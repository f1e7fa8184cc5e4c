// One woken mirror: from its stream to its ledger.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/background_task.h"
#include "client/control_client.h"
#include "client/replayer.h"
#include "client/stream_reader.h"

namespace dormouse::client {

/// Replays a stream until it ends or is silent for 20 s, and then lets local programs have what is
/// held for them: without a limit if the stream ended by itself, for a program may be paused in a
/// debugger; shortly if a stop was asked for. To be tended after each round of the loop. Main
/// thread only.
class StreamMirror {
 public:
  /// `matcher`: null unless responses are compared. `ports`, `loop` and `clock` must outlive this.
  StreamMirror(OpenedStream stream, std::shared_ptr<const ControlClient> control, LocalPorts& ports,
               EventLoop& loop, const Clock& clock, std::unique_ptr<ResponseMatcher> matcher);

  /// True if more may be there at once: then the loop must not wait.
  bool readOn();
  void tend();
  /// The user has had enough: asks the sidecar to end the mirror, and reads on to its ledger; if
  /// the stream is over, gives up what local programs have not taken. Called again: waits no
  /// longer.
  void stop();
  /// When tend() has something to do though nothing happens.
  TimePoint nextAt() const;

  /// Until when the stream is known to have lived. Only once streamOver().
  TimePoint livedUntil() const { return livedUntil_; }
  /// Nothing more comes from the sidecar.
  bool streamOver() const { return !reader_; }
  /// Every local connection has its fate.
  bool idle() const { return replayer_.idle(); }
  /// The stream brought its ledger, or an answer to stop() has come, or nobody was asked.
  bool answered() const { return ledger_ || !remover_ || remover_->done(); }
  /// All of these: this may go.
  bool settled() const { return streamOver() && idle() && answered(); }

  const std::string& id() const { return id_; }
  const LocalAccount& account() const { return replayer_.account(); }
  /// The stream's last record. Only once streamOver().
  const std::optional<Report>& ledger() const { return ledger_; }
  /// What the sidecar answered to stop(). Only once answered().
  const std::optional<Report>& removed() const { return removed_; }
  /// Why there is no ledger(), or no removed(); may be empty.
  const std::string& streamError() const { return streamError_; }
  const std::string& removeError() const { return removeError_; }

 private:
  void listen(TimePoint now);
  void endStream();

  const std::string id_;
  const std::shared_ptr<const ControlClient> control_;
  EventLoop& loop_;
  const Clock& clock_;
  const std::unique_ptr<ResponseMatcher> matcher_;
  Replayer replayer_;
  std::vector<std::uint8_t> early_;       // Read with the head, not decoded yet.
  std::unique_ptr<StreamReader> reader_;  // Null once the stream is over.
  std::uint64_t received_ = 0;
  TimePoint heardAt_;    // The last byte came.
  bool silent_ = false;  // None came for too long.
  TimePoint livedUntil_;
  bool stopping_ = false;
  bool gaveUp_ = false;
  TimePoint giveUpAt_ = TimePoint::max();  // Of waiting for the ledger, then for local programs.
  std::optional<Report> ledger_;
  std::string streamError_;
  // Written by remover_, read after it is done.
  std::optional<Report> removed_;
  std::string removeError_;
  std::unique_ptr<BackgroundTask> remover_;
};

}  // namespace dormouse::client

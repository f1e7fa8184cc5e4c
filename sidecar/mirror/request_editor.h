// Between a mirror of requests and its sink: what is redacted of them, and their mark.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/edited_head.h"
#include "http/redactor.h"
#include "mirror/budget.h"
#include "mirror/response_editor.h"
#include "mirror/sink.h"

namespace dormouse::mirror {

struct EditorOptions {
  std::string mark;         // The value of http::kMark; empty: requests are not marked.
  std::size_t maxBody = 0;  // Bytes of a body in which JSON members can be redacted.
};

/// A sink before the mirror's own. Only there for mirrors that edit; others pay nothing for it.
///
/// What is to be hidden of a request is hidden before the sink is told of it:
///
/// 1. A head that changes is written anew.
/// 2. A chunked body is framed anew wherever something is redacted, since its trailers are fields:
///    so chunk extensions and other boundaries than before: what comes in one batch of packets is
///    one chunk, up to kGather, for a sink may make a system call of each.
/// 3. Where JSON members are redacted, a body is held back until it is clear that it is no JSON,
///    else to its end, and the request is handed on with the body's new length. One that cannot be
///    looked into (Redactor::Body::kOpaque, broken JSON, larger than `maxBody`) is left out as a
///    whole, as kUnredactable. Held bodies take at most kMemory, all together; what does not fit is
///    left out as kOverBudget. Fields that are digests of a body are left out where it has changed.
///
/// 4. Of HTTP/2 a CONNECT, whose body is a tunnel, is left out as kRedactionNeedsHttp where
///    something is redacted. (After one of HTTP/1 the mirror itself hands on no more.)
///
/// Trailers for which there is no room in kMemory are dropped (RFC 9110, 6.5.1 allows it). Data
/// thread only.
class RequestEditor final : public Sink, private SinkListener {
 public:
  static constexpr std::size_t kMemory = 384 << 10;
  static constexpr std::size_t kGather = 16 << 10;
  using SinkFactory = std::function<std::unique_ptr<Sink>(SinkListener& listener)>;

  /// REQUIRES: listener outlives the editor.
  RequestEditor(http::Redactor redactor, EditorOptions options, SinkListener& listener,
                const SinkFactory& makeSink);

  Reason open(ConnectionHandle handle, const ConnectionInfo& info) override;
  Reason data(ConnectionHandle handle, std::span<const std::uint8_t> bytes) override;
  void close(ConnectionHandle handle, Reason reason, bool reset) override;
  Reason judgeRequest(const RequestInfo& request) override;
  Reason beginRequest(RequestId id, const RequestInfo& request) override;
  bool wantsContent() const override { return !redactor_.empty() || sink_->wantsContent(); }
  Reason requestBody(RequestId id, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override;
  void endRequest(RequestId id, std::span<const http::HeaderField> trailers) override;
  void cancelRequest(RequestId id, Reason reason) override;
  TimePoint flush(TimePoint now) override;
  void finish(const std::function<std::string()>& report) override;
  bool done() const override { return sink_->done(); }
  bool carriesRaw() const override { return redactor_.empty() && sink_->carriesRaw(); }
  ResponseIntake* responses() override { return responses_ ? &*responses_ : sink_->responses(); }
  std::string_view trouble() const override { return sink_->trouble(); }

 private:
  using Body = http::Redactor::Body;

  /// A request that does not simply pass.
  struct Request {
    std::unique_ptr<http::EditedHead> head;  // As it came, while the request is held back.
    WallTime timestamp;
    Body body = Body::kPlain;  // kUndecided, kJson: held back. kOpaque: left out.
    http::JsonStart start;     // While it is kUndecided.
    Reason leftOut = Reason::kNone;
    bool http2 = false;
    bool chunked = false;  // And of HTTP/1.
    bool trailersDropped = false;
    bool newBody = false;  // It has changed.
    std::string content;   // Held back.
    std::string framing;   // Of a chunked body, since its last content.
    std::size_t charge = 0;
  };
  struct Connection {
    std::map<std::uint32_t, Request> requests;  // By number.
    Reason refused = Reason::kNone;             // By the sink, and the mirror does not know yet.
  };

  void onSettled(ConnectionHandle handle, Reason fate) override;
  void onRequestSettled(RequestId request, Reason fate) override;
  void onResponseSettled(Reason fate) override { listener_.onResponseSettled(fate); }
  void onSinkGone(std::string_view why) override { listener_.onSinkGone(why); }

  /// Null if it simply passes.
  Request* find(RequestId id);
  void forget(RequestId id);
  void forgetAll(ConnectionHandle handle);
  /// What the mirror is answered: if it is a refusal, the connection is forgotten.
  Reason answer(ConnectionHandle handle, Reason reason);
  /// A refusal that the mirror has not been told of; from now on it has.
  Reason takeRefused(ConnectionHandle handle);
  /// Tells the sink of a request, its head edited.
  Reason begin(RequestId id, const http::RequestHead& head, WallTime timestamp);
  Reason pass(RequestId id, bool http2, bool chunked, std::string_view content);
  bool gathers(RequestId id) const { return !chunk_.empty() && gathered_ == id; }
  /// Hands on the gathered chunk, and behind it `last`. REQUIRES: there is one.
  Reason passChunk(std::string_view last = {});
  /// Hands it on if there is one and the mirror does not ask for it now.
  void passGathered();
  /// Keeps the framing of a chunked body, from its last content on.
  void keepFraming(Request& request, std::string_view raw);
  Reason hold(RequestId id, Request& request, std::string_view content);
  /// It turned out to be no JSON.
  Reason release(RequestId id, Request& request);
  void leaveOut(Request& request, Reason reason);
  /// Makes the charge what the request takes now. False, and nothing is charged, if that is more
  /// than there is.
  bool recharge(Request& request);
  // The request's end has come. Each returns why it is left out, if it is.
  Reason endEdited(RequestId id, Request& request);
  Reason endHeld(RequestId id, Request& request);
  /// Returns `refusal`, the sink's answer to something that the mirror has not asked for: it is
  /// told of it later.
  Reason taken(RequestId id, Reason refusal);
  void tellRefused();

  const http::Redactor redactor_;
  const EditorOptions options_;
  SinkListener& listener_;
  Budget memory_{kMemory};
  std::vector<Connection> connections_;      // By handle.
  std::vector<ConnectionHandle> refused_;    // To be told at the batch's end, if not before.
  std::string chunk_;                        // Room for its size, and content; empty: no chunk.
  RequestId gathered_;                       // Whose it is.
  const std::unique_ptr<Sink> sink_;         // Late: it may report until it is gone.
  std::optional<ResponseEditor> responses_;  // If something is hidden and the sink has responses.
};

}  // namespace dormouse::mirror

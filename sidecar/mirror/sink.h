// Where a mirror's bytes go. One sink per mirror, on the data thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "capture/packet.h"
#include "common/clock.h"
#include "common/ip.h"
#include "common/reason.h"
#include "http/request_head.h"
#include "http/response_pairing.h"
#include "wire/mirror_spec.h"

namespace dormouse::mirror {

/// The mirror's name for one of its connections, chosen by the mirror, unique until settled.
using ConnectionHandle = std::uint32_t;

/// The mirror's name for one request. Numbers rise within a connection, from 1 on, and are used
/// once; not all are.
struct RequestId {
  ConnectionHandle connection = 0;
  std::uint32_t number = 0;

  bool operator==(const RequestId&) const = default;
};

struct ConnectionInfo {
  wire::Protocol protocol = wire::Protocol::kTcp;
  bool fromStart = true;
  bool http2 = false;  // Its requests are those of HTTP/2; they have no raw bytes.
  WallTime timestamp;
  Endpoint client;
  Endpoint server;
};

/// A request that the mirror has selected. Valid during the call.
struct RequestInfo {
  const http::RequestHead& head;
  WallTime timestamp;
};

/// Told by a sink. Never called from within Sink::open, data, close or those of requests, so that
/// the caller of those need not expect it; but for onRequestSettled().
class SinkListener {
 public:
  virtual ~SinkListener() = default;
  /// The connection's fate is known: kNone, every byte was delivered; else why not. The handle is
  /// free afterwards. Called once for each connection that open() took and whose data() was not
  /// refused. May come before close(): the other end refused or went away.
  virtual void onSettled(ConnectionHandle handle, Reason fate) = 0;
  /// The fate of one request. Told once for each after its endRequest(), whatever becomes of its
  /// connection: it may come after onSettled(), or after a refusal. A request that has not ended by
  /// then is the mirror's to count.
  virtual void onRequestSettled(RequestId request, Reason fate) = 0;
  /// The fate of one response that ResponseIntake has taken, whichever.
  virtual void onResponseSettled(Reason fate) = 0;
  /// The sink as a whole is lost (the stream's reader went away): the mirror has no purpose left.
  virtual void onSinkGone(std::string_view why) = 0;
};

/// Takes TCP connections and UDP flows. Nothing here blocks and nothing pushes back: what does not
/// fit is refused with a reason.
class ConnectionIntake {
 public:
  virtual ~ConnectionIntake() = default;
  /// A connection begins, right before its first bytes. kNone: taken. Else it is not, and settled
  /// with that reason (kOverBudget, kSinkRefused).
  virtual Reason open(ConnectionHandle handle, const ConnectionInfo& info) = 0;
  /// The next bytes (copied), or one UDP datagram. kNone: taken whole. Else none of it was taken
  /// and the whole connection is shed and settled with that reason; the other end learns that it
  /// was cut.
  virtual Reason data(ConnectionHandle handle, std::span<const std::uint8_t> bytes) = 0;
  /// The original connection is over: kNone, it came to its own end; else it is cut for that
  /// reason. onSettled follows, sooner or later.
  virtual void close(ConnectionHandle handle, Reason reason, bool reset) = 0;
};

/// Takes the requests of connections whose requests are followed; there data() only brings the
/// bytes after an Upgrade or CONNECT. Those of one HTTP/1 connection come one after the other;
/// those of an HTTP/2 connection overlap.
class RequestIntake {
 public:
  virtual ~RequestIntake() = default;
  /// Before a request begins. kNone: it would be taken. Else why it alone is left out: kOverBudget
  /// if it does not fit as a whole, kFiltered if the format cannot carry it.
  virtual Reason judgeRequest(const RequestInfo& request) = 0;
  /// A request begins, its connection open. As data().
  virtual Reason beginRequest(RequestId id, const RequestInfo& request) = 0;
  /// Whether an HTTP/1 requestBody()'s content matters. If not it may be empty, and raw is as long
  /// as can be.
  virtual bool wantsContent() const = 0;
  /// The next bytes of its body: as they were sent (HTTP/1 only), and the content among them. As
  /// data().
  virtual Reason requestBody(RequestId id, std::span<const std::uint8_t> raw,
                             std::span<const std::uint8_t> content) = 0;
  /// It is whole: onRequestSettled() follows, sooner or later. `trailers`: of HTTP/2, valid during
  /// the call; those of HTTP/1 are among the raw bytes. Not called for one that is broken off by
  /// cancelRequest() or close().
  virtual void endRequest(RequestId id, std::span<const http::HeaderField> trailers) = 0;
  /// It alone is broken off before its end, its connection goes on (RST_STREAM; HTTP/2 only). The
  /// mirror counts it under that reason: nothing more is told of it. May also come after its end,
  /// or name one that was left out: then the client waits for no answer, and its fate stays what it
  /// is.
  virtual void cancelRequest(RequestId id, Reason reason) = 0;
};

/// What the pod has answered to a request, or why that is not known. Valid during the call.
struct ResponseInfo {
  /// The connection's number within the stream: its handle may be another's by now.
  std::uint64_t connection = 0;
  std::uint32_t request = 0;  // RequestId::number.
  std::string_view method;    // Of the request.
  std::string_view path;      // The same; without the query, perhaps cut.
  const http::PairedResponse* response = nullptr;
  Reason missing = Reason::kNone;  // Why there is no response.
};

/// Takes the responses of a mirror that was asked for them.
class ResponseIntake {
 public:
  virtual ~ResponseIntake() = default;
  /// How an open connection is called within the stream.
  virtual std::uint64_t numberOf(ConnectionHandle handle) const = 0;
  /// kNone: taken (copied), onResponseSettled() follows, sooner or later. Else the reason for which
  /// it is not. May come after the close() of its connection. Called once for each request whose
  /// beginRequest() was taken.
  virtual Reason response(const ResponseInfo& info) = 0;
};

/// Where a mirror's bytes go. Owned by its mirror; data thread only.
class Sink : public ConnectionIntake, public RequestIntake {
 public:
  /// The end of a batch: the time to write. Also the sink's clock: it ends what has waited too
  /// long. Returns when to be called again at the latest; TimePoint::max() if nothing waits.
  virtual TimePoint flush(TimePoint now) = 0;
  /// The mirror is over; every connection was closed and has settled or had its time. Settles the
  /// rest at once (onSettled is called from here), then asks for the final report (JSON) if the
  /// format can carry it. flush() goes on until done().
  virtual void finish(const std::function<std::string()>& report) = 0;
  /// After finish(): everything that could be written is written.
  virtual bool done() const = 0;
  /// What is wrong at the other end, for the verdict: "nothing listens on 127.0.0.1:3000". Empty if
  /// nothing is. Valid until the next call.
  virtual std::string_view trouble() const = 0;
  /// Whether it takes connections without requests, beside those with.
  virtual bool carriesRaw() const { return true; }
  /// Null if the sink cannot carry responses. Lives as long as the sink.
  virtual ResponseIntake* responses() { return nullptr; }
};

/// Told by a packet sink, from flush(), finish() or an event handler.
class PacketSinkListener {
 public:
  virtual ~PacketSinkListener() = default;
  /// The fate of the `count` oldest packets not yet settled: kNone, written; kSinkClosed, not.
  virtual void onPacketsSettled(Reason fate, std::uint64_t count) = 0;
  /// As SinkListener::onSinkGone.
  virtual void onSinkGone(std::string_view why) = 0;
};

/// Takes whole frames: the `pcap` stream. Owned by its mirror; data thread only.
class PacketSink {
 public:
  virtual ~PacketSink() = default;
  /// kNone: taken (copied), its fate follows; kOverBudget: the reader is too slow for this one.
  virtual Reason packet(const capture::RawPacket& raw) = 0;
  /// As Sink::flush.
  virtual TimePoint flush(TimePoint now) = 0;
  /// Nothing more comes and everything had its time: what is not written yet settles as
  /// kSinkClosed from here. flush() goes on until done().
  virtual void finish() = 0;
  virtual bool done() const = 0;
};

}  // namespace dormouse::mirror

#include "mirror/request_stage.h"

#include <algorithm>
#include <utility>

#include "http/head_parser.h"
#include "http/http2_upgrade.h"

namespace dormouse::mirror {
namespace {

using ParserState = http::Http1Parser::State;

/// A mirror of connections leaves nothing out, the kubelet's probes neither.
wire::MirrorSpec selectingOf(wire::MirrorSpec spec) {
  if (!spec.ofRequests()) spec.requests.probes = true;
  return spec;
}

}  // namespace

RequestStage::RequestStage(const wire::MirrorSpec& spec, http::HeadStart& headStart,
                           FlowOwner& owner, Sink& sink, wire::Ledger& ledger)
    : owner_(owner),
      protocol_(spec.protocol),
      ofRequests_(spec.ofRequests()),
      redacted_(!spec.redact.empty()),
      carriesRaw_(spec.requests == wire::RequestSelection{} && !redacted_ && sink.carriesRaw()),
      sink_(sink),
      ledger_(ledger),
      gate_(selectingOf(spec), headStart) {}

void RequestStage::add(ConnectionHandle handle, Kind kind) {
  if (handle >= connections_.size()) connections_.resize(handle + std::size_t{1});
  Connection& connection = connections_[handle] = Connection{};
  if (kind == Kind::kHttp2) {
    connection.http2 = std::make_unique<http::Http2Parser>();
  } else if (kind != Kind::kUnknown) {
    connection.search = std::make_unique<http::EntrySearch>();
    connection.unjoined = kind == Kind::kJoinedLate ? Reason::kJoinedLate : Reason::kGap;
  }
}

void RequestStage::remove(ConnectionHandle handle) {
  memory_.give(connections_[handle].charge);
  http2Memory_.give(connections_[handle].http2Charge);
  connections_[handle] = Connection{};
}

Reason RequestStage::feed(ConnectionHandle handle, const reassembly::FlowView& flow,
                          std::span<const std::uint8_t> bytes, TimePoint now, Nanos sinceWake) {
  handle_ = handle;
  flow_ = &flow;
  now_ = now;
  refusal_ = Reason::kNone;
  Connection& connection = connections_[handle];
  connection.answered = connection.answered || flow.answered;
  Reason refused = Reason::kNone;
  if (connection.search && !connection.search->held() && http::looksLikeHttp2(bytes)) {
    refused = connection.unjoined;  // Its requests cannot be read without those before them.
  } else if (connection.http2) {
    refused = feedHttp2(bytes);
  } else {
    refused = ofRequests_ ? feedRequests(connection, bytes, sinceWake)
                          : feedOpen(connection, bytes, sinceWake);
    if (!preface_.empty()) refused = changeToHttp2();
  }
  flow_ = nullptr;
  if (refused != Reason::kNone) return refused;
  return recharge(connections_[handle_]) ? Reason::kNone : Reason::kOverBudget;
}

Reason RequestStage::feedRequests(Connection& connection, std::span<const std::uint8_t> bytes,
                                  Nanos sinceWake) {
  if (connection.tunnel) return connection.taking ? passOther(bytes) : Reason::kNone;
  if (connection.search) {
    const http::EntrySearch::Segment segment{flow_->answered, flow_->bytes == 0, sinceWake};
    if (!connection.search->feed(bytes, segment, *this)) return Reason::kNone;
    connection.parser = connection.search->takeParser();
    connection.search.reset();
  } else {
    if (!connection.parser) {
      connection.parser = std::make_unique<http::Http1Parser>(
          connection.isHttp ? ParserState::kHttp : ParserState::kDeciding);
    }
    connection.parser->feed(bytes, *this);
  }
  passCollected();
  if (refusal_ != Reason::kNone) {
    connection.parser.reset();  // The connection ends here: of its bytes nothing more is counted.
    return refusal_;
  }
  const ParserState state = connection.parser->state();
  if (state == ParserState::kMalformed) {
    if (!connection.inRequest) ledger_.requests.skip(Reason::kMalformed);
    return Reason::kMalformed;
  }
  connection.tunnel = state == ParserState::kTunnel || connection.raw;
  const bool between = state == ParserState::kHttp && !connection.parser->midRequest();
  if (connection.tunnel || between) connection.parser.reset();
  return Reason::kNone;
}

Reason RequestStage::feedOpen(Connection& connection, std::span<const std::uint8_t> bytes,
                              Nanos sinceWake) {
  if (connection.search) {
    const std::size_t held = connection.search->held();
    const http::EntrySearch::Segment segment{flow_->answered, flow_->bytes == 0, sinceWake};
    if (!connection.search->feed(bytes, segment, *this)) return Reason::kNone;
    connection.search.reset();
    connection.isHttp = true;
    bytes = bytes.subspan(entry_ - held);  // The first head has been passed.
  }
  return refusal_ == Reason::kNone && !bytes.empty() ? pass(bytes) : refusal_;
}

void RequestStage::enter(const http::RequestHead& head) {
  if (connections_[handle_].inSink || refusal_ != Reason::kNone) return;
  entry_ = head.bytes.size();
  refusal_ = openInSink();
  if (refusal_ == Reason::kNone) pass(head.bytes);
}

Reason RequestStage::openInSink() {
  ConnectionInfo info;
  info.protocol = protocol_;
  info.fromStart = flow_->fromStart;
  info.http2 = connections_[handle_].http2 != nullptr;
  info.timestamp = flow_->timestamp;
  info.client = flow_->key.client;
  info.server = flow_->key.server;
  const Reason refused = sink_.open(handle_, info);
  connections_[handle_].inSink = refused == Reason::kNone;
  return refused;
}

Reason RequestStage::pass(std::span<const std::uint8_t> bytes) {
  refusal_ = sink_.data(handle_, bytes);
  if (refusal_ == Reason::kNone) {
    ledger_.bytes += bytes.size();
  } else {
    connections_[handle_].inSink = false;
  }
  return refusal_;
}

Reason RequestStage::passOther(std::span<const std::uint8_t> bytes) {
  if (!redacted_) return pass(bytes);
  return refusal_ = Reason::kRedactionNeedsHttp;
}

void RequestStage::onHead(const http::RequestHead& head) {
  if (!ofRequests_) return enter(head);
  Connection& connection = connections_[handle_];
  connection.isHttp = connection.inRequest = true;
  connection.taking = false;
  ++connection.number;
  followResponse(connection, offerHttp1(head), head);
}

bool RequestStage::offerHttp1(const http::RequestHead& head) {
  const std::uint32_t number = connections_[handle_].number;
  if (!http::asksForHttp2(head)) return offer(number, head);
  const std::string text = http::withoutHttp2Question(head);
  std::vector<http::HeaderField> fields;
  http::RequestHead plain;
  // It was a head before, and less of it is one, too.
  http::parseHead({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, fields, plain);
  return offer(number, plain);
}

void RequestStage::followResponse(Connection& connection, bool taken,
                                  const http::RequestHead& head) {
  connection.taking = taken;
  const bool fresh = std::exchange(connection.answered, false) || connection.number == 1;
  if (responses_ == nullptr || refusal_ != Reason::kNone) return;
  std::optional<ResponseStage::Taken> wanted;
  if (taken) wanted = {handle_, connection.number};
  responses_->begin(*flow_, head, wanted, fresh);
}

bool RequestStage::offer(std::uint32_t number, const http::RequestHead& head) {
  if (refusal_ != Reason::kNone) return false;
  Connection& connection = connections_[handle_];
  const RequestInfo request{head, flow_->timestamp};
  Reason reason = gate_.select(head);
  if (reason == Reason::kNone) reason = sink_.judgeRequest(request);
  if (reason == Reason::kNone) reason = gate_.admit(now_);
  if (reason == Reason::kNone && !connection.inSink) reason = refusal_ = openInSink();
  if (reason == Reason::kNone) {
    reason = refusal_ = sink_.beginRequest({handle_, number}, request);
    if (reason != Reason::kNone) connection.inSink = false;
  }
  if (reason != Reason::kNone) {
    connection.leftOut = reason;
    ledger_.requests.skip(reason);
    return false;
  }
  ++ledger_.requests.seen;
  ++ledger_.requests.open;
  ledger_.bytes += http::headSize(head);
  return true;
}

void RequestStage::onBody(std::span<const std::uint8_t> raw,
                          std::span<const std::uint8_t> content) {
  if (!connections_[handle_].taking || refusal_ != Reason::kNone) return;
  if (sink_.wantsContent()) return passBody(raw, content);
  // A body of many small chunks comes in as many pieces; the sink may make a system call of each.
  body_ = body_.empty() ? raw : std::span(body_.data(), body_.size() + raw.size());
}

void RequestStage::passCollected() {
  if (!body_.empty()) passBody(std::exchange(body_, {}), {});
}

void RequestStage::passBody(std::span<const std::uint8_t> raw,
                            std::span<const std::uint8_t> content) {
  Connection& connection = connections_[handle_];
  refusal_ = sink_.requestBody({handle_, connection.number}, raw, content);
  if (refusal_ == Reason::kNone) {
    ledger_.bytes += raw.size();
  } else {
    settleUnfinished(handle_, refusal_);  // Its end may come within the same bytes.
    connection.inSink = false;
  }
}

void RequestStage::onRequestEnd() {
  Connection& connection = connections_[handle_];
  passCollected();
  connection.inRequest = false;
  if (responses_ != nullptr) responses_->requestEnded(*flow_);
  if (connection.taking && refusal_ == Reason::kNone) {
    sink_.endRequest({handle_, connection.number}, {});
  }
}

void RequestStage::onOther(std::span<const std::uint8_t> bytes) {
  Connection& connection = connections_[handle_];
  if (ofRequests_ && connection.parser && connection.parser->state() == ParserState::kHttp2) {
    preface_.insert(preface_.end(), bytes.begin(), bytes.end());
  } else if (!connection.isHttp) {
    if (ofRequests_) passRaw(connection, bytes);
  } else if (connection.taking && refusal_ == Reason::kNone) {
    passOther(bytes);
  }
}

void RequestStage::passRaw(Connection& connection, std::span<const std::uint8_t> bytes) {
  if (refusal_ != Reason::kNone) return;
  if (!carriesRaw_) {
    refusal_ = redacted_ ? Reason::kRedactionNeedsHttp : Reason::kFiltered;
    return;
  }
  connection.raw = connection.taking = true;
  refusal_ = openInSink();
  if (refusal_ == Reason::kNone) pass(bytes);
}

std::size_t RequestStage::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const Connection& one) {
        return one.search != nullptr && one.unjoined == Reason::kJoinedLate;
      }));
}

Reason RequestStage::end(ConnectionHandle handle, const reassembly::FlowView& flow, Reason reason) {
  handle_ = handle;
  const auto* const outer = std::exchange(flow_, &flow);  // It may be called from within feed().
  refusal_ = Reason::kNone;
  Connection& connection = connections_[handle];
  const Reason unfinished = reason == Reason::kNone ? Reason::kMalformed : reason;
  const ParserState state = connection.parser ? connection.parser->state() : ParserState::kHttp;
  if (connection.inRequest && connection.taking) {
    settleUnfinished(handle, unfinished);
  } else if (!connection.inRequest && connection.parser && state == ParserState::kHttp) {
    ledger_.requests.skip(unfinished);  // Its head was not complete.
    connection.leftOut = unfinished;
  } else if (connection.taking && state == ParserState::kDeciding && reason == Reason::kNone &&
             !connection.parser->held().empty()) {
    // A tunnel of so few bytes that they might have begun a request.
    reason = passOther(connection.parser->held());
  } else if (!connection.isHttp && connection.parser && state == ParserState::kDeciding &&
             reason == Reason::kNone) {
    // The same of a whole connection.
    passRaw(connection, connection.parser->held());
    reason = refusal_;
  }
  flow_ = outer;
  const bool notJoined = connection.search != nullptr;
  if (connection.http2) endHttp2(connection, unfinished);
  // The sink may take its time to settle the connection: nothing else is kept for as long.
  connection.search.reset();
  connection.parser.reset();
  connection.http2.reset();
  memory_.give(std::exchange(connection.charge, 0));
  if (connection.inSink) return reason;
  if (notJoined) return connection.unjoined;
  if (reason != Reason::kNone) return reason;
  if (connection.leftOut != Reason::kNone) return connection.leftOut;
  // Ended before it was clear that it is HTTP, it was not.
  return redacted_ ? Reason::kRedactionNeedsHttp : Reason::kFiltered;
}

void RequestStage::settleUnfinished(ConnectionHandle handle, Reason fate) {
  Connection& connection = connections_[handle];
  if (connection.http2) {
    endHttp2(connection, fate);
    connection.http2.reset();
  }
  if (!connection.inRequest || !connection.taking) return;
  connection.taking = false;
  ledger_.requests.settle(fate);
}

bool RequestStage::recharge(Connection& connection) {
  std::size_t charge = 0;
  if (connection.search) charge = sizeof(http::EntrySearch) + connection.search->memory();
  if (connection.parser) charge += sizeof(http::Http1Parser) + connection.parser->memory();
  memory_.give(std::exchange(connection.charge, 0));
  if (!memory_.take(charge)) return false;
  connection.charge = charge;
  if (!connection.http2) return true;
  charge = sizeof(http::Http2Parser) + connection.http2->memory();
  http2Memory_.give(std::exchange(connection.http2Charge, 0));
  if (!http2Memory_.take(charge)) return false;
  connection.http2Charge = charge;
  return true;
}

}  // namespace dormouse::mirror

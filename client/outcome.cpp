#include "client/outcome.h"

#include <stdexcept>

#include "wire/strict_json.h"

namespace dormouse::client {
namespace {

bool meantToBeLeftOut(Reason reason) {
  switch (reason) {
    case Reason::kDuplicate:
    case Reason::kEmpty:
    case Reason::kFiltered:
    case Reason::kSampledOut:
    case Reason::kRateCapped:
      return true;
    default:
      return false;
  }
}

std::string member(const Poco::JSON::Object& object, const std::string& name) {
  const auto text = wire::jsonString(object.get(name));
  if (!text) throw std::invalid_argument("the mirror's report has no string " + name);
  return *text;
}

}  // namespace

Report parseReport(std::string_view json) {
  const auto object = wire::parseStrictObject(json, 16);
  Report report;
  report.id = printable(member(*object, "id"), 100);
  report.ended = member(*object, "state") == "ended";
  report.verdict = printable(member(*object, "verdict"));
  report.endedBecause = printable(wire::jsonString(object->get("ended_because")).value_or(""), 200);
  const auto ledger = wire::jsonObject(object->get("ledger"));
  if (!ledger) throw std::invalid_argument("the mirror's report has no ledger");
  report.ledger = wire::ledgerFromJson(*ledger);
  report.json = std::string(json);
  return report;
}

bool complete(const wire::Account& account) {
  if (account.open != 0) return false;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (account.skipped[i] != 0 && !meantToBeLeftOut(static_cast<Reason>(i))) return false;
  }
  return true;
}

bool complete(const wire::Ledger& ledger) {
  return complete(ledger.packets) && complete(ledger.connections) && complete(ledger.requests);
}

std::string printable(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  const auto byte = [&out](std::size_t at) {
    return at < out.size() ? static_cast<unsigned char>(out[at]) : 0;
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    // U+0080 to U+009F: one of them begins what terminals obey, as ESC [ does.
    if (byte(i) == 0xc2 && byte(i + 1) >= 0x80 && byte(i + 1) <= 0x9f) out[i] = out[i + 1] = '?';
    if (byte(i) < 0x20 || byte(i) == 0x7f) out[i] = '?';
  }
  return out;
}

}  // namespace dormouse::client

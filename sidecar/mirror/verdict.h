// The sentence that tells a developer what became of the traffic, and why nothing came if nothing
// did.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/ledger.h"
#include "wire/mirror_spec.h"

namespace dormouse::mirror {

/// One plain sentence without a full stop, such as "412 of 412 connections delivered" or "traffic
/// on port 8080 is TLS: 31 connections skipped". `trouble` is what the sink says of its other end,
/// such as "nothing listens on 127.0.0.1:3000"; empty if nothing, and never if anything was
/// refused. Counts packets where no connection can be counted (`pcap`), and requests in a mirror of
/// requests once it has seen one. `waiting`: connections that were open before the mirror and have
/// not been joined yet.
std::string verdict(const wire::Ledger& ledger, const wire::MirrorSpec& spec, bool ended,
                    std::string_view trouble, std::uint64_t waiting = 0);

}  // namespace dormouse::mirror

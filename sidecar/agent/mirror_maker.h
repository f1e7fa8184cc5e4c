// How a mirror is put together: which kind, with which sink.
#pragma once

#include <memory>

#include "agent/data_loop.h"
#include "agent/settings.h"
#include "common/clock.h"
#include "common/stream_socket.h"
#include "http/share_cap.h"
#include "mirror/mirror.h"
#include "sink/target.h"

namespace dormouse::agent {

/// Makers are called once, on the data thread; what they hold goes into the mirror. A maker that is
/// never called closes the socket. REQUIRES: settings, headStart and clock outlive the mirror.
DataLoop::MirrorMaker makeStreamMirror(const Settings& settings,
                                       const mirror::MirrorIdentity& identity,
                                       http::HeadStart& headStart,
                                       std::unique_ptr<StreamSocket> socket);

DataLoop::MirrorMaker makePushMirror(const Settings& settings,
                                     const mirror::MirrorIdentity& identity,
                                     http::HeadStart& headStart,
                                     std::unique_ptr<sink::Target> target, const Clock& clock);

}  // namespace dormouse::agent

// server: what runs in the process of an isolated node.
#pragma once

namespace pellucid {

/// First word of the command line of such a process; the second is the number of its socket.
inline constexpr const char* kServe = "serve-isolated-node";

/// Answers until the process that started it has no more questions, or is gone. The exit code.
int serve_isolated_node(int socket);

}  // namespace pellucid

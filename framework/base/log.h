// log: what Pellucid tells while it works. Declarations without spdlog, whose fmt torch's headers
// would shadow.
#pragma once

#include <filesystem>
#include <string>

namespace pellucid {

enum class LogLevel { debug, info, warning, error };

struct LogSettings {
  LogLevel shown = LogLevel::info;  ///< least level that goes to standard error
  std::filesystem::path file;       ///< gets everything, with times; empty: no file
};

/// Sets levels and sinks for the rest of the process; before, warnings and errors are shown. Throws
/// Error for a file that cannot be written.
void start_logging(const LogSettings& settings);

/// "warning: SENTENCE" on standard error; debug and info without a word before. Any thread may call
/// it.
void log_message(LogLevel level, const std::string& sentence);
inline void log_debug(const std::string& sentence) { log_message(LogLevel::debug, sentence); }
inline void log_info(const std::string& sentence) { log_message(LogLevel::info, sentence); }
inline void log_warning(const std::string& sentence) { log_message(LogLevel::warning, sentence); }
inline void log_error(const std::string& sentence) { log_message(LogLevel::error, sentence); }

/// Whether messages of this level go to standard error.
bool is_shown(LogLevel level);

/// Standard error is a terminal.
bool is_interactive();

/// Lines at the bottom of the terminal that stay there while messages pass above them; empty: none.
/// Does nothing where standard error is not a terminal or info is not shown.
void show_status(const std::string& lines);

}  // namespace pellucid

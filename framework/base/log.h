// log: what Pellucid tells while it works. Declarations without spdlog, whose fmt torch's headers
// would shadow.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace pellucid::log {

enum class Level { debug, info, warning, error, off };

void debug(const std::string& sentence);
void info(const std::string& sentence);
void warning(const std::string& sentence);
void error(const std::string& sentence);

/// Least level shown on standard error (default: warning); `--verbose` shows debug, `--quiet` errors.
void show(Level least);
/// Also writes everything from debug on, with times, to a file that is appended to. Throws Error
/// where it cannot be written.
void write_to(const std::filesystem::path& file);
/// Called around each line shown, so that a progress display can step aside and come back.
void set_screen(std::function<void()> before, std::function<void()> after);

}  // namespace pellucid::log

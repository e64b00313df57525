#include "base/log.h"

#include <gmock/gmock.h>
#include <pellucid/error.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace pellucid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string said(const std::function<void()>& action) {
  ::testing::internal::CaptureStderr();
  action();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, shows_warnings_with_their_word_and_information_without) {
  start_logging({LogLevel::info, {}});
  EXPECT_EQ(said([] { log_warning("the disk is nearly full"); }),
            "warning: the disk is nearly full\n");
  EXPECT_EQ(said([] { log_info("8 of 47"); }), "8 of 47\n");
  EXPECT_EQ(said([] { log_debug("nobody asked"); }), "");
}

TEST(Log, shows_nothing_below_its_level) {
  start_logging({LogLevel::error, {}});
  EXPECT_EQ(said([] { log_warning("quiet"); }), "");
  EXPECT_FALSE(is_shown(LogLevel::warning));
  EXPECT_EQ(said([] { log_error("loud"); }), "error: loud\n");
}

TEST(Log, writes_everything_to_its_file) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("pellucid-log-" + std::to_string(getpid()) + ".txt");
  start_logging({LogLevel::error, file});
  log_debug("a detail");
  start_logging({LogLevel::info, {}});
  log_info("not in the file");
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  std::filesystem::remove(file);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("debug: a detail\n"), Not(HasSubstr("not in the file"))));
}

TEST(Log, refuses_a_file_that_cannot_be_written) {
  EXPECT_THROW(start_logging({LogLevel::info, "/proc/nowhere/pellucid.log"}), Error);
}

}  // namespace
}  // namespace pellucid

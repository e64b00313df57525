#include "base/folder_lock.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

using ::pellucid::testing::message_of;
using ::testing::HasSubstr;

TEST(FolderLock, names_the_process_that_holds_the_folder) {
  const TemporaryFolder folder;
  const FolderLock held(folder.path());
  const std::string message = message_of<Error>([&] { FolderLock second(folder.path()); });
  EXPECT_THAT(message, HasSubstr("the folder '" + folder.path().string() +
                                 "' is in use by process " + std::to_string(::getpid()) + " on "));
}

TEST(FolderLock, is_free_again_when_its_holder_is_done) {
  const TemporaryFolder folder;
  { const FolderLock held(folder.path()); }
  EXPECT_NO_THROW(FolderLock(folder.path()));
}

TEST(FolderLock, needs_the_folder) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<Error>([&] { FolderLock(folder / "none"); }),
              HasSubstr("No such file or directory"));
}

TEST(FolderLock, can_be_waited_for) {
  const TemporaryFolder folder;
  std::atomic<bool> released{false};
  std::optional<FolderLock> held(folder.path());
  std::thread waiting([&] {
    const auto lock = FolderLock::wait(folder.path());
    EXPECT_TRUE(lock.has_value());
    EXPECT_TRUE(released);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  released = true;
  held.reset();
  waiting.join();
  EXPECT_FALSE(FolderLock::wait(folder / "none").has_value());
}

}  // namespace
}  // namespace pellucid

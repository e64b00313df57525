// elf: headers, segments and the dynamic section of a shared library, every offset checked.
#include "plugin/elf.h"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <pellucid/error.h>

namespace pellucid {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "which ELF machine is this?"
#endif

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  ElfLibrary library() {
    if (!bytes_.starts_with(std::string_view(ELFMAG, SELFMAG)))
      throw PluginError("is not a shared library: it does not begin as one");
    header_ = at<Elf64_Ehdr>(0);
    const bool ours = header_.e_ident[EI_CLASS] == ELFCLASS64 &&
                      header_.e_ident[EI_DATA] == ELFDATA2LSB && header_.e_machine == kMachine;
    if (!ours) throw PluginError("is a library for another kind of machine");
    if (header_.e_type != ET_DYN)
      throw PluginError("is not a shared library, but another kind of ELF file");
    check_segments();
    check_sections();
    return dynamic_section();
  }

 private:
  /// A struct at an offset of the file.
  template <class T>
  T at(std::uint64_t offset) const {
    require(offset, sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  void require(std::uint64_t offset, std::uint64_t size) const {
    if (offset <= bytes_.size() && size <= bytes_.size() - offset) return;
    throw PluginError("is cut off: it has " + std::to_string(bytes_.size()) +
                      " bytes and should have at least " + std::to_string(offset + size));
  }

  void check_segments() {
    if (header_.e_phentsize != sizeof(Elf64_Phdr)) throw PluginError("is damaged: its segments");
    for (int i = 0; i < header_.e_phnum; ++i) {
      segments_.push_back(at<Elf64_Phdr>(header_.e_phoff + i * sizeof(Elf64_Phdr)));
      require(segments_.back().p_offset, segments_.back().p_filesz);
    }
  }

  void check_sections() const {
    if (header_.e_shoff == 0) return;
    for (int i = 0; i < header_.e_shnum; ++i) {
      const auto section = at<Elf64_Shdr>(header_.e_shoff + i * sizeof(Elf64_Shdr));
      if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL)
        require(section.sh_offset, section.sh_size);
    }
  }

  ElfLibrary dynamic_section() const {
    ElfLibrary library;
    const auto dynamic = std::find_if(segments_.begin(), segments_.end(), [](const auto& segment) {
      return segment.p_type == PT_DYNAMIC;
    });
    if (dynamic == segments_.end()) throw PluginError("is damaged: it has no dynamic section");

    std::vector<Elf64_Dyn> entries;
    for (std::uint64_t i = 0; i < dynamic->p_filesz / sizeof(Elf64_Dyn); ++i) {
      entries.push_back(at<Elf64_Dyn>(dynamic->p_offset + i * sizeof(Elf64_Dyn)));
      if (entries.back().d_tag == DT_NULL) break;
    }
    const auto strings = std::find_if(entries.begin(), entries.end(),
                                      [](const auto& entry) { return entry.d_tag == DT_STRTAB; });
    if (strings == entries.end()) throw PluginError("is damaged: it has no names");
    const std::uint64_t names = offset_of(strings->d_un.d_ptr);
    for (const Elf64_Dyn& entry : entries) {
      if (entry.d_tag == DT_NEEDED) library.needed.push_back(text(names + entry.d_un.d_val));
      if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH)
        add_folders(text(names + entry.d_un.d_val), library.run_path);
    }
    return library;
  }

  /// Where in the file the bytes for an address of the loaded library stand.
  std::uint64_t offset_of(std::uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    throw PluginError("is damaged: its names stand outside the file");
  }

  std::string text(std::uint64_t offset) const {
    require(offset, 1);
    const std::size_t end = bytes_.find('\0', offset);
    if (end == std::string_view::npos) throw PluginError("is damaged: a name has no end");
    return std::string(bytes_.substr(offset, end - offset));
  }

  static void add_folders(const std::string& list, std::vector<std::string>& folders) {
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(':', begin), list.size());
      if (end > begin) folders.push_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  std::string_view bytes_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace

ElfLibrary read_elf(std::string_view bytes) { return Reader(bytes).library(); }

}  // namespace pellucid

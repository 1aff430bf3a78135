// Draws the blocks of Mermaid, which stay text where a browser runs no scripts.
document.querySelectorAll(".highlight-mermaid pre").forEach((block) => {
    block.textContent = block.textContent;
    block.className = "mermaid";
});
mermaid.initialize({
    startOnLoad: false,
    theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "default",
});
mermaid.run();

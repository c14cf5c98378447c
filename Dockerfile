FROM python:3.13-slim
WORKDIR /app
RUN useradd --system --uid 10001 chapar
COPY pyproject.toml constraints.txt README.md ./
RUN pip install --no-cache-dir --constraint constraints.txt .
COPY . .
USER chapar
ENTRYPOINT ["python", "server.py"]
CMD ["serve"]
EXPOSE 8080
